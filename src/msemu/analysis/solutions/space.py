"""The activations that give the same joint torques in each frame of a movement, while the floor does what it does."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from msemu.analysis.solutions.programs import Polytope
from msemu.control.independent_dofs import ROOT_DOFS
from msemu.control.inverse_dynamics import Movement, differentiate, dynamics_along
from msemu.control.muscle_capacity import MuscleCapacity, pulling_part
from msemu.control.static_optimization import StaticOptimizationCfg, contact_regions, optimize
from msemu.errors import MsemuError, suggestion
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.rollout import Rollout
from msemu.muscle.parameters import MuscleParameters

MOST_MISSING = 0.1
"""Share of the joint torques that no activation gives, above which a frame is not explained [-]."""
_SAME_PULL = 0.1
"""Difference of the muscles' pull over the pull, root mean squares, up to which a rollout's muscles are the body's.

The median frame counts: a rollout has the pull of the physics step that led to a frame, and where a foot lands the
speed of muscles jumps within it.
"""


@dataclass(frozen=True)
class SolutionSpace:
    """The feasible activations ``A(tau)`` of T frames; J joints' degrees of freedom, M muscles.

    Attributes:
        name: What moves.
        body: Name of the body.
        fps: Frames per second [Hz].
        muscle_names: The M muscles.
        dof_names: The J degrees of freedom.
        matrix: Torque of each muscle at full activation, over the joint's capacity [-], shape [T, J, M].
        target: Torque of the known activations alike, the passive one left out [-], shape [T, J].
        lower: Least activation with which a muscle pulls [-], shape [T, M].
        known: A known solution, not below ``lower`` [-], shape [T, M].
        torque_scale: The capacity [N m or N], shape [J].
        frames: Number of each frame in the clip or rollout, shape [T].
        left_out: Frames that no activation explains, or that are not solved.
    """

    name: str
    body: str
    fps: float
    muscle_names: tuple[str, ...]
    dof_names: tuple[str, ...]
    matrix: np.ndarray
    target: np.ndarray
    lower: np.ndarray
    known: np.ndarray
    torque_scale: np.ndarray
    frames: np.ndarray
    left_out: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.target)

    @cached_property
    def moving(self) -> np.ndarray:
        """Muscles that move any joint in any frame; the activation of others means nothing, bool, shape [M]."""
        strongest = np.abs(self.matrix).max((0, 1), initial=0.0)
        return strongest > 1e-6 * max(strongest.max(initial=0.0), 1e-300)

    def muscles(self, names: tuple[str, ...]) -> np.ndarray:
        """Return which of the `moving` muscles are named, or all without names, bool, shape [M].

        Raises:
            MsemuError: There is no such muscle, or it moves nothing.
        """
        known = [name for name, moves in zip(self.muscle_names, self.moving, strict=True) if moves]
        for name in names:
            if name not in known:
                raise MsemuError(f"{self.body} has no muscle '{name}' that moves a joint{suggestion(name, known)}")
        return self.moving & np.isin(self.muscle_names, names) if names else self.moving

    def polytope(self, frame: int, tolerance: float = 0.0) -> Polytope:
        """Return A(tau) of the `moving` muscles in one frame, torques kept within ``tolerance`` of the capacity."""
        matrix, lower = self.matrix[frame][:, self.moving], self.lower[frame, self.moving]
        acts = np.abs(matrix).max(1) > 0.0
        return Polytope.of(matrix[acts], self.target[frame, acts], lower, np.ones_like(lower), tolerance)

    def part(self, chosen: np.ndarray) -> "SolutionSpace":
        """Return some of the frames, by index."""
        names = ("matrix", "target", "lower", "known", "frames")
        return SolutionSpace(**vars_of(self) | {name: getattr(self, name)[chosen] for name in names})


def vars_of(space: SolutionSpace) -> dict:
    """Return the fields of a space, without what is computed from them."""
    return {name: getattr(space, name) for name in SolutionSpace.__dataclass_fields__}


def space_of_clip(
    body: Body,
    clip: MotionClip,
    level: str,
    smoothing_s: float,
    on_frame: Callable[[int, int], None] = lambda done, total: None,
) -> SolutionSpace:
    """Take the joint torques of the static optimization of a clip, whose activations are the known ones.

    Raises:
        MsemuError: No activation explains any frame of the clip.
    """
    movement = differentiate(body, clip, smoothing_s)
    parameters = MuscleParameters.of(body.model)
    result = optimize(body, movement, StaticOptimizationCfg(level=level), parameters, on_frame)
    missing, needed = (np.abs(each / result.capacity)[:, ROOT_DOFS:] for each in (result.residual, result.net_torque))
    explained = result.converged & (missing.sum(1) <= MOST_MISSING * needed.sum(1))
    if not explained.any():
        joint = result.dof_names[ROOT_DOFS + int(missing.mean(0).argmax())]
        raise MsemuError(
            f"no activation explains '{clip.name or 'the clip'}' on {body.name}: the muscles of {joint} are too weak in"
            " every frame; see what is missing with msemu-analyze static-optimization"
        )
    space = _space(body, movement, level, clip.name or "clip", clip.fps, result.activation, result.capacity)
    left_out = tuple(np.flatnonzero(~explained).tolist())
    return SolutionSpace(**vars_of(space.part(np.flatnonzero(explained))) | {"left_out": left_out})


def space_of_rollout(body: Body, rollout: Rollout, level: str) -> SolutionSpace:
    """Take the joint torques of a policy's activations, which are the known ones.

    Raises:
        MsemuError: The rollout is of another body, or of muscles with other forces.
    """
    if (rollout.body, rollout.muscle_names) != (body.name, body.muscle_names):
        raise MsemuError(f"the rollout '{rollout.title}' is of {rollout.body}, not of {body.name}; give its --body")
    movement = Movement(rollout.qpos, rollout.qvel, np.zeros_like(rollout.qvel), rollout.fps)
    capacity = np.ones(ROOT_DOFS + len(body.independent_joints))
    space = _space(body, movement, level, rollout.title, rollout.fps, rollout.activation, capacity, rollout)
    return space


def torque_matrix(body: Body, movement: Movement, level: str) -> np.ndarray:
    """Return the torque of each muscle at full activation, over the joints' capacity, along a movement, [T, J, M]."""
    arms, active, _ = (np.concatenate(arrays) for arrays in zip(*_capacity_along(body, movement, level), strict=True))
    torque = -(arms * active[..., None]).transpose(0, 2, 1)[:, ROOT_DOFS:]
    return torque / np.sqrt(np.square(torque).sum(2).mean(0)).clip(min=1e-6)[:, None]


def _space(
    body: Body,
    movement: Movement,
    level: str,
    name: str,
    fps: float,
    activation: np.ndarray,
    scale: np.ndarray,
    rollout: Rollout | None = None,
) -> SolutionSpace:
    parts = list(_capacity_along(body, movement, level))
    arms, active, passive = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    lower, pull = (each.numpy() for each in pulling_part(torch.from_numpy(active), torch.from_numpy(passive)))
    known = np.clip(activation, lower, 1.0)
    if rollout is not None:
        _require_pull(rollout, known * active + pull, level)
        scale = np.sqrt(np.square(arms * active[..., None]).sum(1).mean(0)).clip(min=1e-6)
    matrix = -(arms * active[..., None]).transpose(0, 2, 1)[:, ROOT_DOFS:] / scale[ROOT_DOFS:, None]
    return SolutionSpace(
        name=name,
        body=body.name,
        fps=fps,
        muscle_names=body.muscle_names,
        dof_names=tuple(body.joint_names[joint] for joint in body.independent_joints),
        matrix=matrix,
        target=np.einsum("tjm,tm->tj", matrix, known),
        lower=lower,
        known=known,
        torque_scale=scale[ROOT_DOFS:],
        frames=np.arange(len(known)),
    )


def _capacity_along(body: Body, movement: Movement, level: str) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield moment arms [T, M, D], force at full activation and passive force [T, M] of parts of a movement."""
    capacity = MuscleCapacity(MuscleParameters.of(body.model), level)
    for _, state in dynamics_along(body, movement, contact_regions(body)):
        active, passive = capacity.forces(state.muscle_length, state.muscle_velocity)
        yield tuple(tensor.clone().numpy() for tensor in (state.moment_arms, active, passive))  # type: ignore[misc]


def _require_pull(rollout: Rollout, pull: np.ndarray, level: str) -> None:
    """Refuse a rollout whose muscles pull otherwise than those of the body at the level do."""
    apart = np.linalg.norm(rollout.muscle_force - pull.clip(min=0.0), axis=1)
    share = float(np.median(apart / (np.linalg.norm(rollout.muscle_force, axis=1) + 1e-9)))
    if not share <= _SAME_PULL:
        raise MsemuError(
            f"the muscles of the rollout '{rollout.title}' pull otherwise than those of {rollout.body} at the level"
            f" {level}, by {100 * share:.0f} %; choose another --muscle, or a run without muscle options"
        )
