"""The page in the browser, which a training install does without."""

from typing import TYPE_CHECKING, Any

from msemu.errors import MsemuError
from msemu.models.body import Body
from msemu.motion.recording import Recording

if TYPE_CHECKING:
    from msemu.viewer.page.page import Page


def serve(recording: Recording, body: Body, *arguments: Any, **options: Any) -> "Page":
    """Show a recording in a browser page, see `msemu.viewer.page.browser.serve`.

    Raises:
        MsemuError: The viewer is not installed, or as there.
    """
    try:
        from msemu.viewer.page import browser
    except ModuleNotFoundError as error:
        if error.name != "viser":
            raise
        raise MsemuError("the page needs viser: pip install 'msemu[viewer]'; a video (--video) does not") from None
    return browser.serve(recording, body, *arguments, **options)
