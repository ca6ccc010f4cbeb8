"""Bodies, clips, and the muscle activity that explains a clip."""

from pathlib import Path
from typing import Annotated, Any

from msemu.config import build, check_value
from msemu.control import static_optimization as optimization
from msemu.control.inverse_dynamics import differentiate
from msemu.control.muscle_capacity import scaled_strength
from msemu.errors import MsemuError
from msemu.models.body import Body
from msemu.models.loader import load_body
from msemu.models.strength.sets import with_strength
from msemu.motion.clip import MotionClip
from msemu.motion.library import task_clips
from msemu.muscle.parameters import MuscleParameters
from msemu.schema import RepairKind, TaskCfg
from msemu.schema.ranges import Fraction, Range

__all__ = ["load_body", "load_clip", "static_optimization"]


def load_clip(motion: str | Path, body: Body | str, fps: float = 50.0, repair: RepairKind = "flight") -> MotionClip:
    """Return a motion of the catalogue on a body, or the clip of a file; see ``msemu-motion prepare`` for recordings.

    Args:
        motion: Name in the catalogue (``walk``), clip file, or file of joint angles of this body.
        body: Body, or its name.
        fps: Frames per second [Hz].
        repair: What is repaired of a motion of the catalogue: ``flight``, or ``contact``: the floor can carry its
            stance as well.

    Raises:
        MsemuError: The motion is unknown, or cannot be had on the body.
    """
    body = load_body(body) if isinstance(body, str) else body
    values = {"body": body.name, "motion": str(motion), "repair": repair, "env": {"control_frequency_hz": fps}}
    return task_clips.load_clip(build(TaskCfg, values, "load_clip"), body)


def static_optimization(
    clip: MotionClip,
    body: Body | None = None,
    smoothing_s: float = 0.02,
    strength: float = 1.0,
    strength_set: str = "own",
    **settings: object,
) -> optimization.StaticOptimization:
    """Find the activations of least effort that explain a clip.

    Args:
        clip: The movement.
        body: Its body, if that is none of the catalogue's.
        smoothing_s: Standard deviation of the smoothing of positions before they are differentiated [s].
        strength: Factor of every muscle's strength [-].
        strength_set: Set of strength: ``own`` or ``athlete`` (cfg/strength).
        **settings: Fields of `msemu.control.static_optimization.StaticOptimizationCfg`, such as ``power=3``.

    Raises:
        MsemuError: The clip is none or of another body, a setting or the set is unknown, or a value out of its range.
    """
    require_clip(clip, "static_optimization")
    check_value(Fraction, smoothing_s, "static_optimization: smoothing_s")
    check_value(Annotated[float, Range(above=0, greatest=100)], strength, "static_optimization: strength")
    body = with_strength(body or load_body(clip.body), strength_set)
    clip.check_matches(body.name, body.joint_names)
    cfg = build(optimization.StaticOptimizationCfg, dict(settings), "static_optimization")
    parameters = scaled_strength(MuscleParameters.of(body.model), strength)
    return optimization.optimize(body, differentiate(body, clip, smoothing_s), cfg, parameters)


def require_clip(clip: Any, where: str) -> None:
    """Refuse what is no clip, such as the name of one.

    Raises:
        MsemuError: It is none.
    """
    if not isinstance(clip, MotionClip):
        raise MsemuError(f"{where}: {clip!r:.80} is no clip; msemu.load_clip(motion, body) gives one")
