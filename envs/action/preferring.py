"""From the preferences of a configuration to those of the bodies, each of which may have one of its own."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from fnmatch import fnmatchcase
from functools import cached_property

import numpy as np
import torch

from msemu.control.gait_phase import find_stances
from msemu.control.textbook_timing import TextbookTiming
from msemu.control.tracking.controller import TrackingController
from msemu.control.tracking.preference import Preferences
from msemu.envs.action.space import Memory, Scene
from msemu.errors import MsemuError, suggestion
from msemu.models.muscle_groups import group_by_length
from msemu.muscle.overrides import configured_parameters
from msemu.schema import FatigueCfg, PreferenceCfg

_NUM_GROUPS = 12
"""Groups of muscles whose mean preference a policy sees."""
_WEAKEST = 0.1
"""Capacity below which the effort of a weak muscle grows no more [-]."""


class Preferring(Memory):
    """Gives the muscles of each of E bodies what they prefer.

    Weights are scaled so that the activations of the static optimization along the reference cost on average what they
    cost at equal weights: preferences differ in which muscles they take, not in how much movement is worth.

    Attributes:
        cfgs: The preference of each body.
    """

    def __init__(self, cfg: PreferenceCfg, scene: Scene, controller: TrackingController):
        """Let all bodies prefer the same; the least sum of squares costs the decoder nothing."""
        self._scene, self._controller = scene, controller
        self._names = scene.body.muscle_names
        self._generator = torch.Generator().manual_seed(cfg.seed)
        self.cfgs: list[PreferenceCfg] = []
        self.assign([cfg] * scene.sim.num_envs)

    @property
    def preferences(self) -> Preferences | None:
        """What the bodies prefer now; None where all prefer the least sum of squares."""
        return self._controller.decoder.preferences

    def assign(self, cfgs: Sequence[PreferenceCfg]) -> None:
        """Give each body a preference.

        Raises:
            MsemuError: One names a muscle that the body lacks, or asks for EMG of a body or a clip without it.
        """
        self.cfgs = [*cfgs]
        self._controller.decoder.preferences = self._controller.preferred = None
        if all(replace(cfg, seed=0) == PreferenceCfg() for cfg in cfgs):
            return
        self._fixed = _stacked(map(self._without_draws, cfgs))
        self._spread = _column(math.log(cfg.weight_spread) for cfg in cfgs)
        self._tone_spread = _column(cfg.tone_spread for cfg in cfgs)
        self._redraws = torch.tensor([cfg.redraw for cfg in cfgs])
        randoms = (np.random.default_rng(cfg.seed) for cfg in cfgs)
        draws = np.stack([random.random((2, len(self._names))) for random in randoms], 1)
        self._controller.decoder.preferences = self._drawn(torch.from_numpy(draws))
        self._controller.preferred = self._preferred
        if any(cfg.emg for cfg in cfgs):
            _ = self._envelope

    def reset(self, mask: torch.Tensor) -> None:
        """Draw anew for the bodies that start anew and whose preference says so, shape [E], bool."""
        if self.preferences is not None and (redrawn := mask & self._redraws).any():
            shape = 2, *self._fixed.weight.shape
            draws = torch.rand(shape, generator=self._generator, dtype=torch.float64)
            self.preferences.take(redrawn, self._drawn(draws))

    def limited(self, activation: torch.Tensor) -> torch.Tensor:
        """Return activations [E, M] as far as the muscles' capacity goes."""
        return activation if self.preferences is None else activation.minimum(self.preferences.capacity.to(activation))

    def code(self) -> torch.Tensor:
        """Say what each body prefers in few numbers, float32, shape [E, C].

        They are means over groups of muscles that lengthen together, of log10 of the weight and of the preferred
        activation, and exponent, power and EMG.
        """
        now, count = self.preferences, self._scene.sim.num_envs
        if now is None:
            return torch.zeros(count, 2 * _NUM_GROUPS + 3)
        groups = self._groups.T
        parts = (now.weight.log10() @ groups, 10.0 * now.tone @ groups, now.exponent - 2.0, now.power, now.emg)
        return torch.cat(parts, 1).float()

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Everything that was drawn."""
        if self.preferences is None:
            return {}
        drawn = {f"preferred_{name}": getattr(self.preferences, name).clone() for name in ("weight", "tone")}
        return {"preference_generator": self._generator.get_state(), **drawn}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Continue from a `state_dict`."""
        if self.preferences is not None:
            self._generator.set_state(state["preference_generator"].cpu())
            self.preferences.weight = state["preferred_weight"].clone()
            self.preferences.tone = state["preferred_tone"].clone()

    def _preferred(self, frame: torch.Tensor) -> torch.Tensor:
        """Return the preferred activations at frames of the reference, shape [E], shape [E, M]."""
        now = self._controller.decoder.preferences
        assert now is not None
        return now.tone + now.emg * self._envelope[self._scene.reference.row(frame)] if now.emg.any() else now.tone

    def _drawn(self, draws: torch.Tensor) -> Preferences:
        """Return preferences for uniform numbers, shape [2, E, M]."""
        fixed = self._fixed
        weight = fixed.weight * torch.exp((2.0 * draws[0] - 1.0) * self._spread)
        weight = weight * self._usual.sum() / (weight * self._usual).sum(1, keepdim=True)
        weight = weight / fixed.capacity.clamp(min=_WEAKEST).square()
        return replace(fixed, weight=weight, tone=fixed.tone + draws[1] * self._tone_spread)

    def _without_draws(self, cfg: PreferenceCfg) -> Preferences:
        weight = self._volume**cfg.volume * self._by_muscle(cfg.weights)
        capacity = self._by_muscle(cfg.capacity) * self._left_when_tired(cfg.tired_s)
        tone = np.full_like(weight, cfg.tone)
        rows = (weight, tone, [cfg.emg], capacity, [cfg.exponent], [cfg.power])
        return Preferences(*(torch.as_tensor(row, dtype=torch.float64) for row in rows))

    def _by_muscle(self, factors: Mapping[str, float]) -> np.ndarray:
        """Return the product of the factors of each muscle, shape [M].

        Raises:
            MsemuError: The body has no such muscle.
        """
        product = np.ones(len(self._names))
        for pattern, factor in factors.items():
            named = [fnmatchcase(name, pattern) for name in self._names]
            if not any(named):
                body = self._scene.body.name
                hint = suggestion(pattern, self._names, f"see: msemu-model muscles {body}")
                raise MsemuError(f"preference: body '{body}' has no muscle '{pattern}'{hint}")
            product[named] *= factor
        return product

    def _left_when_tired(self, duration_s: float) -> np.ndarray:
        """Return the share of each muscle that is not fatigued, shape [M].

        Under a load M_A that lasts, the fatigued share follows ``M_F' = F M_A - R M_F`` until load and fatigue are all.
        """
        rates, load = FatigueCfg(), self._scene.muscles.activation.mean(0)
        fatigued = rates.fatigue_rate / rates.recovery_rate * load * -math.expm1(-rates.recovery_rate * duration_s)
        return 1.0 - np.minimum(fatigued, 1.0 - load)

    @cached_property
    def _usual(self) -> torch.Tensor:
        """Mean squared activation of each muscle along the reference, shape [M]."""
        return torch.from_numpy(np.square(self._scene.muscles.activation).mean(0))

    @cached_property
    def _volume(self) -> np.ndarray:
        """Volume of each muscle over the mean one [-], shape [M]."""
        parameters = configured_parameters(self._scene.body.model, self._scene.muscle)
        volume = parameters.max_isometric_force * parameters.optimal_fiber_length
        return volume / volume.mean()

    @cached_property
    def _groups(self) -> torch.Tensor:
        """Share of each muscle in the mean of each group, shape [G, M]."""
        count = min(_NUM_GROUPS, len(self._names))
        of_muscle = group_by_length(self._scene.body, count)
        shares = np.zeros((_NUM_GROUPS, len(self._names)))
        shares[of_muscle, np.arange(len(self._names))] = 1.0 / np.bincount(of_muscle)[of_muscle]
        return torch.from_numpy(shares)

    @cached_property
    def _envelope(self) -> torch.Tensor:
        """Whether muscles are active in EMG of walking, in the rows of the reference, shape [T, M].

        Raises:
            MsemuError: The muscles have other names than the textbook's, or a clip has no gait cycles.
        """
        timing, scene = TextbookTiming.named(), self._scene
        touching = self._controller.feet_on_floor().numpy()
        parts, row = [], 0
        for clip in scene.reference.clips:
            rows = slice(row, row := row + clip.num_frames)
            stands = np.stack([find_stances(foot, clip.fps, clip.cyclic) for foot in touching[rows].T], 1)
            parts.append(timing.along(scene.body, stands, clip.cyclic))
            if not parts[-1].any():
                raise MsemuError(
                    f"preference: '{clip.name}' has no gait cycles, in which alone EMG is known; leave emg out"
                )
        return torch.from_numpy(np.concatenate(parts))


def _stacked(rows: Iterable[Preferences]) -> Preferences:
    listed = [*rows]
    return Preferences(*(torch.stack([getattr(row, entry.name) for row in listed]) for entry in fields(Preferences)))


def _column(values: Iterable[float]) -> torch.Tensor:
    return torch.tensor([*values], dtype=torch.float64).unsqueeze(1)
