"""Whether solutions of one movement differ in function: what each of them bears."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from msemu.analysis.study.course import start_frames
from msemu.analysis.study.solutions import Subject
from msemu.envs import tracking_error
from msemu.envs.action.space import ActionSpace
from msemu.schema import PreferenceCfg

_BEGIN_S = 1.5
"""When a push begins [s]."""
_PUSH_S = 0.1
"""How long it lasts [s]."""
_RECOVERED_DEG = 1.0
"""Joint error beyond that of the undisturbed solution at the same time from which it has not recovered [deg]."""


@dataclass(frozen=True)
class Perturbation:
    """What happens to a body.

    Attributes:
        name: What it is called.
        push_n: Force on the root for 0.1 s: forward and to the left [N].
        noise: Standard deviation of the noise on each excitation, over the excitation [-].
        lost: A muscle that is no longer excited.
        slope_deg: Slope of the floor, positive upward [deg]: gravity is turned.
        friction: Factor of the friction of the floor [-].
        mass: Factor of the mass of every part [-].
    """

    name: str
    push_n: tuple[float, float] = (0.0, 0.0)
    noise: float = 0.0
    lost: str = ""
    slope_deg: float = 0.0
    friction: float = 1.0
    mass: float = 1.0

    @property
    def is_of_world(self) -> bool:
        """Whether it needs a simulation of its own."""
        return (self.slope_deg, self.friction, self.mass) != (0.0, 1.0, 1.0)


def standard(strongest: str) -> tuple[Perturbation, ...]:
    """Return the perturbations of a study, the first of which is none; ``strongest`` is the muscle that is lost."""
    return (
        Perturbation("none"),
        *(Perturbation(f"push {force} N left", (0.0, force)) for force in (50, 100, 200)),
        Perturbation("push 100 N right", (0.0, -100)),
        *(Perturbation(f"push {force} N back", (-force, 0.0)) for force in (100, 200)),
        Perturbation("push 100 N forward", (100, 0.0)),
        Perturbation("motor noise 20 %", noise=0.2),
        Perturbation(f"{strongest} lost", lost=strongest),
        Perturbation("slope 3 deg up", slope_deg=3.0),
        Perturbation("slope 3 deg down", slope_deg=-3.0),
        Perturbation("friction x 0.5", friction=0.5),
        Perturbation("mass x 1.1", mass=1.1),
    )


def perturb(
    preferences: dict[str, PreferenceCfg],
    perturbations: Sequence[Perturbation],
    subject_for: Callable[[Perturbation], Subject],
    seed: int = 0,
    on_done: Callable[[int, int], None] = lambda done, total: None,
) -> list[dict[str, Any]]:
    """Return a row for each perturbation and solution; the first perturbation is none, and others compare with it.

    ``subject_for`` gives environments for a perturbation, with room for all solutions.
    """
    rows: list[dict[str, Any]] = []
    quiet: tuple[np.ndarray, np.ndarray] | None = None
    for number, perturbation in enumerate(perturbations):
        subject = subject_for(perturbation)
        subject.prefer([*preferences.values()])
        error, effort, lasted = _errors(subject, perturbation, seed)
        if quiet is None:
            quiet = error, np.nanmean(effort, (0, 2))
        begin = round(_BEGIN_S * subject.env.cfg.env.control_frequency_hz)
        for place, name in enumerate(preferences):
            stands = lasted[place] == subject.steps
            after = (slice(begin, None), place, stands)
            rows.append(
                {
                    "perturbation": perturbation.name,
                    "preference": name,
                    "survival": float(stands.mean()),
                    "recovery_s": _recovery(error[after], quiet[0][after]) / subject.env.cfg.env.control_frequency_hz,
                    "error_deg": _mean(error[:, place]),
                    "effort_ratio": _mean(effort[:, place]) / quiet[1][place],
                }
            )
        on_done(number + 1, len(perturbations))
    return rows


def _errors(subject: Subject, perturbation: Perturbation, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return joint errors [deg] and efforts, [T, S, P], not a number after a fall, and the steps survived, [S, P]."""
    env, count = subject.env, subject.env.num_envs
    own, env.action_space = env.action_space, _Disturbed(env.action_space, perturbation, env.body.muscle_names, seed)
    begin = round(_BEGIN_S * env.cfg.env.control_frequency_hz)
    end = begin + max(1, round(_PUSH_S * env.cfg.env.control_frequency_hz))
    alive = torch.ones(count, dtype=torch.bool)
    lasted = torch.full((count,), subject.steps)
    seen: list[torch.Tensor] = []
    try:
        with torch.inference_mode():
            observations = env.restart(start_frames(env, subject.starts))
            for step in range(subject.steps):
                pushed = torch.tensor(perturbation.push_n) * float(begin <= step < end)
                env.sim.root_force[:, :2] = pushed.to(env.sim.root_force)
                observations, _, dones, extras = env.step(subject.policy(observations))
                failed = alive & dones.bool() & ~extras["time_outs"]
                lasted[failed] = step
                alive = alive & ~failed
                now = env.transition
                values = torch.stack(
                    (
                        tracking_error.joint_angle_error_deg(now.state, now.reference).mean(1),
                        now.muscles.activation.square().sum(1),
                    )
                )
                seen.append(torch.where(alive, values, torch.nan))
    finally:
        env.action_space = own
        env.sim.root_force.zero_()
    error, effort = torch.stack(seen, 1).unflatten(2, (-1, subject.starts)).double().numpy()
    return error, effort, lasted.unflatten(0, (-1, subject.starts)).numpy()


def _recovery(error: np.ndarray, usual: np.ndarray) -> float:
    """Return after how many steps errors exceed the usual no more, both [T, P], mean over episodes; NaN without any."""
    if not error.size:
        return float("nan")
    above = error > usual + _RECOVERED_DEG
    last = len(error) - above[::-1].argmax(0)
    return float(np.where(above.any(0), last, 0).mean())


def _mean(values: np.ndarray) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


class _Disturbed(ActionSpace):
    """An action space whose excitations are disturbed on their way to the muscles."""

    def __init__(self, space: ActionSpace, perturbation: Perturbation, muscle_names: Sequence[str], seed: int):
        self._space, self._noise = space, perturbation.noise
        self._lost = muscle_names.index(perturbation.lost) if perturbation.lost else None
        self._generator = torch.Generator().manual_seed(seed)
        self.num_actions, self.decodings = space.num_actions, space.decodings

    def excitation(self, actions: torch.Tensor, frame: torch.Tensor, steps: int) -> torch.Tensor:
        return self._disturbed(self._space.excitation(actions, frame, steps))

    def renewed(self, actions: torch.Tensor, frame: torch.Tensor, steps: int, passed: float) -> torch.Tensor:
        return self._disturbed(self._space.renewed(actions, frame, steps, passed))

    def _disturbed(self, wanted: torch.Tensor) -> torch.Tensor:
        if self._noise:
            noise = torch.randn(wanted.shape, generator=self._generator)
            wanted = (wanted * (1.0 + self._noise * noise)).clamp(0.0, 1.0)
        if self._lost is not None:
            wanted = wanted.clone()
            wanted[:, self._lost] = 0.0
        return wanted

    def initial_activation(self, frame: torch.Tensor) -> torch.Tensor | None:
        return self._space.initial_activation(frame)

    def reset(self, mask: torch.Tensor) -> None:
        self._space.reset(mask)
