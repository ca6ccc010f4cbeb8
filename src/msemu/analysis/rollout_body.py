"""The body that a rollout is of: as strong, and under the gravity, that it was simulated with."""

import json
from pathlib import Path
from typing import Any

from msemu.errors import MsemuError
from msemu.files import array_names, read_arrays
from msemu.models import load_body
from msemu.models.body import Body
from msemu.models.strength.sets import multiplied, with_strength
from msemu.motion.rollout import Rollout

KEY = "track"
"""Array of a rollout's file in which ``msemu-track`` notes what it needed, as JSON."""


def body_of(file: Path, rollout: Rollout, name: str | None = None, path: Path | None = None) -> Body:
    """Load the body of a rollout; ``name`` and ``path`` of its model are by default those that its file notes.

    Raises:
        MsemuError: There is no such body, or it has other joints or muscles.
    """
    about = _about(file)
    noted = path or (Path(str(about["body_path"])) if about.get("body_path") else None)
    body = load_body(name or str(about.get("recipe") or rollout.body), noted)
    if (body.joint_names, body.muscle_names) != (rollout.joint_names, rollout.muscle_names):
        raise MsemuError(f"{file} is a rollout of another '{rollout.body}' than '{body.name}' is; give --body")
    strong = with_strength(body, str(about.get("strength_set", body.strength_set)))
    return multiplied(strong, float(about.get("strength", 1.0)))


def _about(file: Path) -> dict[str, Any]:
    if KEY not in array_names(file):
        return {}
    try:
        return dict(json.loads(str(read_arrays(file, (KEY,))[KEY])))
    except (ValueError, TypeError) as error:
        raise MsemuError(
            f"{file}: what msemu-track has noted there is damaged; find it anew with msemu-track"
        ) from error
