"""What some solutions do over the cycle of a clip: means and spread of activations, joint angles and ground force."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from msemu.analysis.mechanics.energy.metabolic import BASAL_W_KG
from msemu.analysis.rollout import Policy
from msemu.analysis.solutions.measures import row_space
from msemu.envs import tracking_error
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.motion.geometry import FEET
from msemu.muscle.metabolic import bhargava, muscle_mass
from msemu.muscle.overrides import configured_parameters

_SETTLED_S = 1.0
"""Time after the start that is left out [s]."""


@dataclass(frozen=True)
class Courses:
    """S solutions over the B frames of a clip, by their episodes without a fall; M muscles, J independent joints.

    There are no numbers where no episode is.

    Attributes:
        activation: Mean activation [-], shape [S, B, M].
        angle_deg: Mean joint angles [deg], shape [S, B, J].
        ground_bw: Mean force of the floor on the right and the left foot [body weights], shape [S, B, 2, 3].
        activation_variance: Variance from cycle to cycle and start to start, mean over bins and muscles, shape [S].
        angle_variance: The same of the angles [deg^2], shape [S].
        ground_variance: The same of the ground force, summed over its directions, shape [S].
        manifold_index: Uncontrolled-manifold index of that variance of the activations, mean over bins, shape [S].
        error_deg: Mean distance of the joints from the reference [deg], shape [S].
        survived: Share of the episodes that reached their end, shape [S].
        power_w: Mean positive power of all muscles [W], shape [S].
        metabolic_w: Metabolic power after Bhargava [W], shape [S].
        effort: Mean of the sum of squared activations [-], shape [S].
    """

    activation: np.ndarray
    angle_deg: np.ndarray
    ground_bw: np.ndarray
    activation_variance: np.ndarray
    angle_variance: np.ndarray
    ground_variance: np.ndarray
    manifold_index: np.ndarray
    error_deg: np.ndarray
    survived: np.ndarray
    power_w: np.ndarray
    metabolic_w: np.ndarray
    effort: np.ndarray

    def followed_by(self, others: "Courses") -> "Courses":
        """Return these and others."""
        return Courses(
            *(np.concatenate((getattr(self, each.name), getattr(others, each.name))) for each in fields(self))
        )

    def at(self, bins: np.ndarray) -> "Courses":
        """Return some frames of the clip."""
        return replace(
            self, **{name: getattr(self, name)[:, bins] for name in ("activation", "angle_deg", "ground_bw")}
        )

    def part(self, chosen: np.ndarray) -> "Courses":
        """Return some solutions."""
        return Courses(*(getattr(self, each.name)[chosen] for each in fields(self)))


def follow(
    env: MotionTrackingEnv,
    policy: Policy,
    starts: int,
    steps: int,
    matrix: np.ndarray,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> Courses:
    """Run episodes of ``steps`` control steps: environment ``i * starts + p`` is solution i from start p.

    ``matrix`` is the torque of each muscle at full activation in the frames of the clip, shape [B, J, M].
    """
    meter, alive = _Meter(env, starts, matrix), torch.ones(env.num_envs, dtype=torch.bool)
    settled = round(_SETTLED_S * env.cfg.env.control_frequency_hz)
    with torch.inference_mode():
        observations = env.restart(start_frames(env, starts))
        for step in range(steps):
            observations, _, dones, extras = env.step(policy(observations))
            alive = alive & ~(dones.bool() & ~extras["time_outs"])
            if step >= min(settled, steps // 2):
                meter.add(alive)
            on_step(step + 1, steps)
    return meter.courses(alive)


def start_frames(env: MotionTrackingEnv, starts: int) -> torch.Tensor:
    """Return the frames in which the environments start: evenly through the clip, the same for every solution."""
    place = torch.arange(env.num_envs) % starts
    return place * env.reference.num_frames // starts


class _Meter:
    """Sums over control steps, by environment and frame of the clip; of episodes that fall nothing counts."""

    def __init__(self, env: MotionTrackingEnv, starts: int, matrix: np.ndarray):
        self._env, self._bins = env, len(matrix)
        self._count, self._starts = env.num_envs // starts, starts
        rows = [row_space(each) for each in matrix]
        self._ranks = np.array([each.shape[1] for each in rows])
        self._seen = torch.zeros(self._bins, matrix.shape[2], self._ranks.max())
        for place, each in enumerate(rows):
            self._seen[place, :, : each.shape[1]] = torch.from_numpy(each)
        self._feet = [env.sim.contact_regions.index(foot) for foot in FEET]
        table = configured_parameters(env.body.model, env.cfg.sim.muscle)
        length = table.optimal_fiber_length
        self._mass = torch.from_numpy(muscle_mass(table.max_isometric_force, length))
        self._speed = torch.from_numpy(table.max_contraction_velocity * length)
        self._size = 0
        self._sums: dict[str, torch.Tensor] = {}

    def add(self, alive: torch.Tensor) -> None:
        """Take in the present state of the environments that are alive, bool, shape [E]."""
        env, now, rows = self._env, self._env.transition, alive.nonzero().squeeze(1)
        bins = env.reference.row(now.frame)
        activation = now.muscles.activation
        values = {
            "count": torch.ones(len(alive), 1),
            "activation": activation,
            "angle": torch.rad2deg(now.state.joint_position),
            "ground": now.contact_force[:, self._feet].flatten(1),
            "seen": torch.einsum("em,emr->er", activation, self._seen[bins]),
            "cost": self._cost(),
        }
        values |= {f"{name}2": values[name].square() for name in ("activation", "angle", "ground", "seen")}
        place = (torch.arange(len(alive)) * self._bins + bins)[rows]
        for name, value in values.items():
            total = self._sums.setdefault(name, torch.zeros(len(alive) * self._bins, value.shape[1]))
            total.index_add_(0, place, value[rows].float())

    def courses(self, alive: torch.Tensor) -> Courses:
        """Return the means; ``alive`` are the environments that reached the end, shape [E]."""
        parts = {name: total.unflatten(0, (len(alive), self._bins)) for name, total in self._sums.items()}
        kept = {name: torch.where(alive[:, None, None], part, 0.0).double() for name, part in parts.items()}
        sums = {name: part.unflatten(0, (self._count, self._starts)).sum(1).numpy() for name, part in kept.items()}
        count = np.where(sums["count"] > 0.0, sums["count"], np.nan)
        mean = {name: total / count for name, total in sums.items()}
        kinds = ("activation", "angle", "ground", "seen")
        variance = {name: np.maximum(mean[f"{name}2"] - mean[name] ** 2, 0.0) for name in kinds}
        frames = sums["count"].sum(1)
        whole = sums["cost"].sum(1) / np.where(frames > 0.0, frames, np.nan)
        return Courses(
            activation=mean["activation"],
            angle_deg=mean["angle"],
            ground_bw=mean["ground"].reshape(self._count, self._bins, len(FEET), 3),
            activation_variance=_mean(variance["activation"]),
            angle_variance=_mean(variance["angle"]),
            ground_variance=_mean(variance["ground"]) * 3,
            manifold_index=self._manifold_index(variance["activation"].sum(2), variance["seen"].sum(2)),
            error_deg=whole[:, 0],
            survived=alive.unflatten(0, (self._count, self._starts)).double().mean(1).numpy(),
            power_w=whole[:, 1],
            metabolic_w=whole[:, 2],
            effort=whole[:, 3],
        )

    def _manifold_index(self, total: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Return the index of `msemu.analysis.solutions.measures.uncontrolled_manifold_index`, mean over bins [S]."""
        count = self._seen.shape[1]
        index = ((total - seen) / (count - self._ranks) - seen / self._ranks) / np.where(total > 0, total / count, 1)
        return _mean(index[..., None])

    def _cost(self) -> torch.Tensor:
        """Return error [deg], power [W], metabolic power [W] and effort of each environment, shape [E, 4]."""
        now, muscles = self._env.transition, self._env.sim.read_muscles()
        active = muscles.active_force.double()
        metabolic = bhargava(
            self._mass,
            self._env.last_excitation.double(),
            muscles.fiber_length.double(),
            muscles.fiber_velocity.double() * self._speed,
            active + muscles.passive_force.double(),
            active,
        )
        return torch.stack(
            (
                tracking_error.joint_angle_error_deg(now.state, now.reference).mean(1),
                muscles.power.clamp(min=0.0).sum(1),
                (metabolic.sum(1) + BASAL_W_KG * self._env.body.mass).float(),
                now.muscles.activation.square().sum(1),
            ),
            1,
        )


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean of [S, B, K] over bins that were seen and channels, shape [S]; not a number where none was."""
    with np.errstate(invalid="ignore"):
        count = np.isfinite(values).sum((1, 2))
        return np.where(count, np.nansum(values, (1, 2)) / np.maximum(count, 1), np.nan)
