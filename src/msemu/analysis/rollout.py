"""Letting a policy drive the body: for the evaluation and for the viewer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from tensordict import TensorDict

from msemu.analysis.mechanics.ground_reaction import GroundReaction
from msemu.analysis.recorded import recorded_reference
from msemu.analysis.start import SPREAD, Starts
from msemu.envs import tracking_error
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.motion.clip import MotionClip
from msemu.motion.kinematics import Kinematics
from msemu.motion.recording import Push
from msemu.motion.reference import ReferenceMotion
from msemu.motion.rollout import Rollout

Policy = Callable[[TensorDict], torch.Tensor]


@dataclass
class MuscleUse:
    """What the muscles of many episodes do over time; not a number after an episode has ended.

    Attributes:
        power_w: Positive mechanical power of all muscles together, without that of braking muscles [W], shape [T, E].
        activation: Mean over muscles [-], shape [T, E].
        tendon_strain: Mean over muscles whose tendon is not rigid, a slack one counting as 0 [-], shape [T, E]; zero
            when all are rigid.
    """

    power_w: np.ndarray
    activation: np.ndarray
    tendon_strain: np.ndarray


@dataclass
class TrackingErrors:
    """Errors of many episodes over time; not a number after an episode has ended.

    Attributes:
        joint_angle_deg: Error of each independent joint [deg], shape [T, E, J].
        root_rotation_deg: Angle of the pelvis [deg], shape [T, E].
        body_position_cm: Mean distance of the landmarks, relative to the pelvis [cm], shape [T, E].
        root_translation_cm: Distance of the pelvis [cm], shape [T, E].
        failed_at: Control step of each episode's failure; T when it survived, shape [E].
        root_quaternion: Orientation of the pelvis (w, x, y, z), shape [T, E, 4].
        reference_quaternion: That of the clip, which has all frames, shape [T, E, 4].
        muscles: What the muscles do meanwhile.
        recorded: Errors against the recordings that simulated clips follow; None where there are none.
    """

    joint_angle_deg: np.ndarray
    root_rotation_deg: np.ndarray
    body_position_cm: np.ndarray
    root_translation_cm: np.ndarray
    failed_at: np.ndarray
    root_quaternion: np.ndarray
    reference_quaternion: np.ndarray
    muscles: MuscleUse
    recorded: "TrackingErrors | None" = None


def steps_with(clip: MotionClip, steps: int) -> int:
    """How many of some control steps can be measured with a clip: one that does not repeat may end before.

    Raises:
        MsemuError: It has too few frames for a single one.
    """
    if not clip.cyclic and clip.num_frames < 3:
        raise MsemuError(f"a clip of {clip.num_frames} frames is too short to be measured; it wants three at least")
    return steps if clip.cyclic else min(steps, clip.num_frames - 2)


def measure_episodes(
    env: MotionTrackingEnv,
    policy: Policy,
    steps: int,
    on_step: Callable[[int, int], None] = lambda done, total: None,
    clip: int = 0,
    starts: Starts = SPREAD,
    recorded: ReferenceMotion | None = None,
) -> TrackingErrors:
    """Run one episode in each environment, started at evenly spaced frames of one clip of the reference, or as told.

    The episode length of the environment's configuration must not be below ``steps`` control steps; the policy is
    deterministic. ``on_step`` is called after every step with the number of steps done and in all. ``recorded`` is what
    errors are measured against beside the reference; by default the recordings of simulated clips.
    """
    frame = starts.frames(env, clip, steps)
    alive = torch.ones(env.num_envs, dtype=torch.bool, device=env.device)
    failed_at = torch.full((env.num_envs,), steps, device=env.device)
    recorded = recorded or recorded_reference(env.body, env.reference.clips, env.device)
    references = [env.reference, *([recorded] if recorded else [])]
    rows: list[list[list[torch.Tensor]]] = [[] for _ in references]
    with torch.inference_mode():
        observations = env.restart(frame, starts.qpos(env, frame))
        for step in range(steps):
            before = env.frame.clone()
            observations, _, dones, extras = env.step(policy(observations))
            failed = dones.bool() & ~extras["time_outs"]
            failed_at = torch.where(alive & failed, step, failed_at)
            alive = alive & ~failed
            for reference, measured in zip(references, rows, strict=True):
                measured.append(_measured(env, alive, reference.kinematics(before + 1)))
            alive = alive & ~dones.bool()
            on_step(step + 1, steps)
            if not alive.any():
                break
    own, *others = (
        _errors(measured, failed_at, reference, frame, steps)
        for measured, reference in zip(rows, references, strict=True)
    )
    return replace(own, recorded=others[0] if others else None)


def _errors(
    rows: list[list[torch.Tensor]], failed_at: torch.Tensor, reference: ReferenceMotion, frame: torch.Tensor, steps: int
) -> TrackingErrors:
    """Return what was measured in every step from some frames on as arrays over time, filled up to so many steps."""
    rows += [[torch.full_like(values, torch.nan) for values in rows[0]]] * (steps - len(rows))
    series = [torch.stack(values).cpu().numpy() for values in zip(*rows, strict=True)]
    angle, rotation, position, translation, power, activation, strain, root = series
    use = MuscleUse(power, activation, strain)
    times = torch.arange(1, steps + 1, device=frame.device).unsqueeze(1)
    followed = reference.kinematics(frame + times).root_quaternion.cpu().numpy()
    return TrackingErrors(angle, rotation, position, translation, failed_at.cpu().numpy(), root, followed, use)


def record(
    env: MotionTrackingEnv,
    policy: Policy,
    steps: int,
    title: str,
    start_frame: int = 0,
    on_step: Callable[[int, int], None] = lambda done, total: None,
    push: Push | None = None,
) -> Rollout:
    """Let a policy drive the first environment from a frame of the reference; a failed body starts again.

    Every step gives a frame with what it led to, also the one that an episode ends in. The frame in which the next
    episode starts comes after it, if there is a step to follow.
    """
    frames: list[dict[str, torch.Tensor]] = []

    def keep(episode_start: bool) -> None:
        seen = _seen(env) | {"episode_start": torch.tensor(episode_start)}
        frames.append({name: values.cpu().clone() for name, values in seen.items()})

    with torch.inference_mode():
        observations = env.restart(torch.full_like(env.frame, start_frame))
        keep(True)
        with _watching(env, lambda: keep(False)):
            for step in range(steps):
                if push:
                    force = push.at(step, env.cfg.env.control_frequency_hz)
                    env.sim.root_force[0, :3] = torch.as_tensor(force).to(env.sim.root_force)
                observations, _, dones, _ = env.step(policy(observations))
                if dones[0] and step + 1 < steps:
                    keep(True)
                on_step(step + 1, steps)
    arrays = {name: torch.stack([frame[name] for frame in frames]).numpy() for name in frames[0]}
    fps, regions = env.cfg.env.control_frequency_hz, env.sim.contact_regions
    ground = GroundReaction.of_wrenches(regions, fps, arrays.pop("contact_wrench"))
    return Rollout(
        body=env.body.name,
        fps=fps,
        title=title,
        joint_names=env.body.joint_names,
        muscle_names=env.body.muscle_names,
        contact_regions=regions,
        center_of_pressure=ground.center,
        free_moment=ground.free_moment,
        **arrays,
    )


def _seen(env: MotionTrackingEnv) -> dict[str, torch.Tensor]:
    """Return what a `Rollout` keeps of the first environment at one instant."""
    muscles = env.sim.read_muscles()
    return {
        "qpos": env.sim.qpos[0],
        "qvel": env.sim.qvel[0],
        "reference_qpos": env.reference.state(env.frame)[0][0],
        "excitation": env.last_excitation[0],
        "activation": env.sim.act[0],
        "muscle_force": (muscles.active_force + muscles.passive_force)[0],
        "fiber_length": muscles.fiber_length[0],
        "fiber_velocity": muscles.fiber_velocity[0],
        "tendon_strain": muscles.tendon_strain[0],
        "muscle_power": muscles.power[0],
        "contact_force": env.sim.contact_force[0],
        "contact_wrench": env.sim.contact_wrench[0],
    }


@contextmanager
def _watching(env: MotionTrackingEnv, look: Callable[[], None]) -> Iterator[None]:
    """Look at the environment at the end of every step, before any reset."""
    previous, env.before_reset = env.before_reset, look
    try:
        yield
    finally:
        env.before_reset = previous


def _measured(env: MotionTrackingEnv, alive: torch.Tensor, reference: Kinematics) -> list[torch.Tensor]:
    """Errors, use of the muscles and orientation of the pelvis; not a number where an episode has ended."""
    state, muscles = env.transition.state, env.sim.read_muscles()
    is_elastic = muscles.tendon_strain != 0.0
    values = (
        tracking_error.joint_angle_error_deg(state, reference),
        tracking_error.root_rotation_error_deg(state, reference),
        tracking_error.body_position_error_cm(state, reference).mean(1),
        tracking_error.root_translation_error_cm(state, reference),
        muscles.power.clamp(min=0.0).sum(1),
        muscles.activation.mean(1),
        muscles.tendon_strain.clamp(min=0.0).sum(1) / is_elastic.sum(1).clamp(min=1),
        state.root_quaternion,
    )
    return [torch.where(alive.unsqueeze(1) if value.dim() > 1 else alive, value, torch.nan) for value in values]
