"""All checks of a recording, in the order in which a fault hides the next one."""

from dataclasses import replace
from pathlib import Path

from msemu.motion.checks.frames import check_frames
from msemu.motion.checks.posture import Remedies, check_posture, odd_course
from msemu.motion.checks.size import check_moves, check_size
from msemu.motion.source import SourceMotion


def checked(path: Path, source: SourceMotion, remedies: Remedies) -> SourceMotion:
    """Return a recording whose source warns of what is odd about it.

    Raises:
        MsemuError: It is no movement of a person; the message ends with what to do about it.
    """
    check_size(path, source, remedies)
    check_frames(path, source)
    check_posture(path, source, remedies)
    check_moves(path, source, remedies)
    return replace(source, source=source.source + odd_course(source))
