#!/usr/bin/env python
"""Let the muscle controller learn from its own errors in a clip that repeats: iterative learning control.

    python tools/experiments/learn_correction.py --body myolegs --motion walk --out walk.npz
    msemu-train Msemu-Walk-MyoLegs-v0 --env.action joint --env.action.controller.correction walk.npz

Bodies follow the clip at an action of zero, in rounds. The mean errors by phase of a round, against the recorded clip,
are added to the target of the next one. Prints what each round gives, the first one without any correction, and writes
the correction of the best: the longest, and of those the one with the least errors of the joints.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from msemu.analysis.rollout import TrackingErrors, measure_episodes
from msemu.bench.prior import PriorSubject
from msemu.config import load_named
from msemu.control.independent_dofs import ROOT_DOFS
from msemu.control.tracking.correction import Correction, independent_joint_names, mean_by_phase
from msemu.control.tracking.springs import RootDeviation
from msemu.envs.action.joint import JointSpace
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError, command
from msemu.rl.assemble import make_env
from msemu.schema import ActionCfg

GAIN = 0.3
"""Share of the errors that is added to the target in a round [-]."""
KEPT = 0.85
"""Share of what was added before that is kept [-]: where errors do not answer, what is added stays bounded."""
LEAD_S = 0.04
"""How much earlier than the error it is added [s]."""
SMOOTHING_S = 0.03
"""Standard deviation of the Gaussian over the errors [s]."""
SETTLING_S, FALLING_S = 0.2, 0.5
"""Time after the start and before a failure that nothing is learned from [s]."""


@command
def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--body", default="myolegs")
    parser.add_argument("--motion", default="walk")
    parser.add_argument("--action", default="joint", help="action space: a name of cfg/action or a file")
    parser.add_argument("--episodes", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--out", type=Path, required=True, help="the correction, .npz")
    args = parser.parse_args()
    subject = PriorSubject.load(args.body, args.motion)
    cfg = replace(subject.cfg, num_envs=args.episodes)
    cfg.env = replace(cfg.env, action=load_named(ActionCfg, args.action), episode_length_s=2.0 * args.seconds)
    env = make_env(subject.task, cfg, subject.body, subject.clip, seed=0)
    best = (0.0, 0.0)
    for number, (correction, errors) in enumerate(learn(env, round(args.seconds * subject.clip.fps), args.rounds)):
        lasted, joints = errors.failed_at.mean() / subject.clip.fps, float(np.nanmean(errors.joint_angle_deg))
        pelvis, place = (float(np.nanmean(each)) for each in (errors.root_rotation_deg, errors.root_translation_cm))
        print(f"round {number}: {lasted:.2f} s, joints {joints:.2f} deg, pelvis {pelvis:.2f} deg, {place:.1f} cm")
        if (lasted, -joints) > best:
            best = lasted, -joints
            correction.save(args.out)


def learn(
    env: MotionTrackingEnv, steps: int, rounds: int, on_step: Callable[[int, int], None] = lambda done, total: None
) -> Iterator[tuple[Correction, TrackingErrors]]:
    """Follow the clip of an environment in rounds; give each correction with the errors that it led to, none first.

    Raises:
        MsemuError: The clip does not repeat, or the action space has no controller.
    """
    space, clip = env.action_space, env.reference.clips[0]
    if not isinstance(space, JointSpace):
        raise MsemuError(
            f"what learns is the controller of an action space of the kind joint, not {type(space).__name__}"
        )
    if not clip.cyclic:
        raise MsemuError(
            f"'{clip.name}' ends; what is learned from are earlier cycles of a clip that repeats, such as walk"
        )
    names = independent_joint_names(env.body)
    nothing = np.zeros((clip.num_frames, ROOT_DOFS + len(names)))
    correction = Correction(env.body.name, env.reference.names[0], names, nothing)
    still = torch.zeros(env.num_envs, env.num_actions)
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    def keep(done: int, total: int) -> None:
        seen.append((deviation(env).numpy(), env.reference.row(env.frame).numpy()))
        on_step(done, total)

    for _ in range(rounds + 1):
        seen.clear()
        space.controller.correction = torch.from_numpy(correction.offset)
        errors = measure_episodes(env, lambda _: still, steps, keep)
        yield correction, errors
        error = mean_by_phase(*_counted(seen, errors.failed_at, steps, clip.fps), clip.num_frames)
        error[:, :2] = 0.0  # where on the floor a body is does not come back with the phase
        correction = correction.learned(error, GAIN, KEPT, round(LEAD_S * clip.fps), SMOOTHING_S * clip.fps)


def deviation(env: MotionTrackingEnv) -> torch.Tensor:
    """Return the recorded clip less what bodies do, in the order of `Correction.offset`, shape [E, 6 + J]."""
    qpos, qvel = env.reference.state(env.frame)
    root = RootDeviation.between(env.sim.qpos, env.sim.qvel, qpos, qvel)
    joints = 7 + torch.from_numpy(np.asarray(env.body.independent_joints))
    return torch.cat((root.position, root.rotation, qpos[:, joints] - env.sim.qpos[:, joints]), 1)


def _counted(
    seen: list[tuple[np.ndarray, np.ndarray]], failed_at: np.ndarray, steps: int, fps: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the errors that count, shape [N, D], and their rows in the clip, shape [N]."""
    error, row = (np.stack(values) for values in zip(*seen, strict=True))
    step, last = np.arange(len(error))[:, None], failed_at - round(FALLING_S * fps)
    counts = (step >= round(SETTLING_S * fps)) & (step < np.where(failed_at < steps, last, steps))
    return error[counts], row[counts]


if __name__ == "__main__":
    main()
