"""Learning from what ``msemu-track`` has found: its states, activations and wanted accelerations."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from msemu.errors import MsemuError
from msemu.files import array_names
from msemu.motion.clip import MotionClip, Simulated
from msemu.registry import find_body
from msemu.rl.progress import note_once
from msemu.schema import ActionCfg, ControllerPriorCfg, ExcitationCfg, JointCfg, ResidualCfg, TrainCfg
from msemu.tracking.result import CLIP_SUFFIX
from msemu.tracking.space import ONE_DECODING


def with_track(cfg: TrainCfg) -> TrainCfg:
    """Return the values of a training that follows what was found, where that is asked for.

    Raises:
        MsemuError: The file holds nothing that was found, or for another body or clip.
    """
    if cfg.from_track is None:
        return cfg
    path = clip_of_track(cfg.from_track)
    clip = MotionClip.load(path)
    if clip.simulated is None:
        raise MsemuError(f"{path} is a clip that nobody simulated; find a simulation of it with msemu-track")
    _require_same(cfg, path, clip, clip.simulated)
    if (share := clip.quality.get("completed", 1.0)) < 1.0:
        note_once(
            f"{path} goes through {100 * share:.0f} % of the clip; a policy that follows it learns no more of that"
        )
    action = _fed_forward(cfg.env.action, clip.simulated.feedback is not None)
    if action == cfg.env.action:
        note_once(f"the action space '{action.kind}' takes no wanted accelerations: it gets the states of {path} alone")
    muscle = replace(cfg.sim.muscle, strength_set=clip.simulated.strength_set)
    env, sim = replace(cfg.env, action=action), replace(cfg.sim, muscle=muscle)
    return replace(cfg, motion=str(path), env=env, sim=sim, from_track=None)


def clip_of_track(path: Path) -> Path:
    """Return the clip that lies beside a rollout, or the clip itself."""
    if not path.is_file():
        raise MsemuError(f"there is no file {path} for --from-track; msemu-track CLIP --body BODY writes one")
    if "excitation" not in array_names(path):
        return path
    clip = path.with_suffix(CLIP_SUFFIX)
    if not clip.is_file():
        raise MsemuError(f"the clip that msemu-track writes beside {path} is not there; put {clip} back")
    return clip


def _require_same(cfg: TrainCfg, path: Path, clip: MotionClip, found: Simulated) -> None:
    """Refuse what was found for another body, another clip, or with muscles that a training does not have."""
    body = find_body(cfg.body).name
    if Path(body).stem != clip.body:
        raise MsemuError(f"{path} was found on the body '{clip.body}', and the task's is '{body}'; take a task of it")
    motions: Sequence[str] = (cfg.motion,) if isinstance(cfg.motion, str) else cfg.motion
    if any(motions) and found.followed not in motions:
        raise MsemuError(
            f"{path} follows the clip '{found.followed}', and the task '{', '.join(motions)}'; take the task of that"
            " clip, or one of any motion (Msemu-Track-...)"
        )
    if found.aids:
        raise MsemuError(
            f"{path} was found at {found.aids}, which a training is not; find it as the body is, or with"
            " a --strength-set"
        )


def _fed_forward(action: ActionCfg, feedback: bool) -> ActionCfg:
    """Return the values of an action space that takes wanted accelerations, feedback or activations, where it can."""
    values = {"feedforward": True, "feedback": feedback, **ONE_DECODING}
    if isinstance(action, JointCfg):
        return replace(action, controller=replace(action.controller, **values))
    if isinstance(action, ResidualCfg) and isinstance(action.prior, ControllerPriorCfg):
        return replace(action, prior=replace(action.prior, controller=replace(action.prior.controller, **values)))
    if isinstance(action, ExcitationCfg):
        note_once("the found activations are the start of the action space 'excitation'; it takes no accelerations")
        return replace(action, start="reference")
    return action
