"""What a figure of a clip says: good, questionable and what to try, or impossible for a human."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from msemu.errors import MsemuError
from msemu.findings import Finding, Severity

_READ_RIGHT = "look where: msemu-motion play CLIP; check --names, --up and --unit of the import"
_RETARGET = (
    "import the .mot or .sto file with --retarget, which keeps limits and puts standing feet on the floor; other joint"
    " angles become such a file by msemu-motion export CLIP --format mot"
)
_RETARGETED = "cut the frames at which it happens with --start and --end of the import; check its --up and --unit"
"""What takes the place of `_RETARGET` for a clip that was retargeted already."""
_HEIGHT = "check --up and --unit of the import: the recording has the floor elsewhere"
_CUT = "cut the frames at which it happens"
_WRONG = "check units (degrees or radians, --unit), axes (--up), names (--names) and frame rate of the recording"
_OPEN = "leave the loop open: --no-cyclic"
_STRONGER = "a slower clip, or stronger muscles: --sim.muscle.strength 1.5 1.5"
_REPAIR = "msemu-motion repair CLIP -o REPAIRED.npz"
_CARRY = "msemu-motion repair CLIP --repair contact -o REPAIRED.npz"


@dataclass(frozen=True)
class Judgment:
    """How the figures of one check are judged by their size.

    Attributes:
        check: Name of the check.
        unit: Unit of the figures; empty for a ratio.
        good: Up to this a figure is good; beyond it is a warning.
        impossible: Beyond this no human and no recording can be, and the figure is an error.
        remedy: What to try when it is not good.
        figures: Which of `MotionClip.quality` are judged, by their absolute value.
        excuse: Figure of `MotionClip.quality` up to which all is good, too: what the recording itself does.
    """

    check: str
    unit: str
    good: float
    impossible: float
    remedy: str
    figures: tuple[str, ...] = ()
    excuse: str = ""

    def severity(self, value: float, excused: float = 0.0) -> Severity | None:
        """Return how bad a value is; None when it is good, or no more than what is ``excused``."""
        if not value <= self.impossible:
            return "error"
        return None if value <= max(self.good, excused) else "warning"

    def remark(self, figure: str, quality: Mapping[str, float]) -> Finding | None:
        """Return what is wrong with a figure of a clip; None when it is good."""
        value = quality[figure]
        severity = self.severity(abs(value), quality.get(self.excuse, 0.0))
        if severity is None:
            return None
        bound = f"impossible beyond {self.impossible:g}" if severity == "error" else f"good up to {self.good:g}"
        text = f"{self.check} {value:.3g} {self.unit}, {bound}"
        return Finding(severity, self.check, figure, text, value)


JUDGMENTS = {
    judgment.check: judgment
    for judgment in (
        Judgment("mean of joint centers", "cm", 3, 25, _READ_RIGHT, ("error_mean_cm",)),
        Judgment("joint centers", "cm", 6, 60, _READ_RIGHT, ("error_max_cm",)),
        Judgment("recorded joint centers", "cm", 5, 50, _READ_RIGHT, ("recorded_error_mean_cm",)),
        Judgment("joint limit", "deg", 0.1, 30, _RETARGET, ("limit_violation_max_deg",)),
        Judgment("penetration", "cm", 1, 100, _RETARGET, ("penetration_max_cm",)),
        Judgment("standing soles", "cm", 1, 100, _RETARGET, ("stance_height_min_cm", "stance_height_max_cm")),
        Judgment("floating", "cm", 1, 150, _RETARGET, ("floating_max_cm",)),
        Judgment("settling", "cm", 5, math.inf, _HEIGHT, ("settled_max_cm",)),
        Judgment("root speed", "m/s", 10, 15, "check --unit and the frame rate of the file", ("root_speed_max_m_s",)),
        Judgment("joint speed", "rad/s", 30, 150, _CUT, ("joint_speed_max_rad_s",), "source_speed_max_rad_s"),
        Judgment("muscle length step", "fiber lengths", 0.5, 10, _CUT, ("tendon_step_max",)),
        Judgment("seam", "deg", 0.1, math.inf, _OPEN, ("seam_pose_deg",), "inside_pose_deg"),
        Judgment("seam speed", "rad/s", 0.1, math.inf, _OPEN, ("seam_velocity_rad_s",), "inside_velocity_rad_s"),
        Judgment("coupling", "rad or m", 1e-6, 0.1, "import the recording again", ("coupling_residual_max",)),
        Judgment("foot skate", "m/s", 0.5, 15, _RETARGET),
        Judgment("tendon jump", "% of a fiber", 3, math.inf, _CUT),
        Judgment("flight residual", "body weights", 0.1, math.inf, _REPAIR),
        Judgment("angular momentum", "%", 5, math.inf, _REPAIR),
        Judgment("support", "body weights", 0.15, 1, "show what carries the person as well, or cut the frames"),
        Judgment("stance", "body weights", 0.1, math.inf, _CARRY),
        Judgment("strength", "times the muscles", 1, math.inf, _STRONGER),
    )
}
"""The judgments by the name of their check: the only place that says which figures are good."""

_BY_FIGURE = {figure: judgment for judgment in JUDGMENTS.values() for figure in judgment.figures}


def judge(quality: Mapping[str, float]) -> list[Finding]:
    """Return what is not good among the figures of a clip, one finding a figure."""
    found = (_BY_FIGURE[name].remark(name, quality) for name in quality if name in _BY_FIGURE)
    return [finding for finding in found if finding is not None]


def remedies(findings: Iterable[Finding], quality: Mapping[str, float]) -> list[str]:
    """Say what to try about findings that are more than notes, once for all checks that have the same remedy.

    ``quality`` is that of the clip, which says whether it was retargeted.
    """
    checks: dict[str, list[str]] = {}
    for check in dict.fromkeys(finding.check for finding in findings if finding.severity != "note"):
        remedy = JUDGMENTS[check].remedy
        is_done = remedy == _RETARGET and "error_mean_cm" in quality
        checks.setdefault(_RETARGETED if is_done else remedy, []).append(check)
    return [f"{', '.join(names)}: {remedy}" for remedy, names in checks.items()]


def refuse_impossible(quality: Mapping[str, float], subject: str) -> None:
    """Refuse a clip with an impossible figure; the message begins with what the clip is, such as its file.

    Raises:
        MsemuError: A figure is impossible.
    """
    wrong = [finding for finding in judge(quality) if finding.severity == "error"]
    if wrong:
        what = "; ".join(finding.message for finding in wrong)
        raise MsemuError(f"{subject} is no human movement: {what}; {_WRONG}")
