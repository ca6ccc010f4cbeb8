"""Terms: the named parts of rewards, observations and terminations, chosen in the configuration.

A term is a function of one argument, the `msemu.envs.readings.Transition` or, for an observation, the
`msemu.envs.readings.Readings`; or a `Term`, a class that is built once and may have options and a memory.

What a term does wrong is named: an exception, and a shape, type or device that is not the expected one, in every step.
What is not a finite number is noted on the device, so that the host never waits for it.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeGuard

import torch

from msemu.components import find
from msemu.config import build, to_dict
from msemu.envs.action.space import Memory, Scene, described
from msemu.envs.readings import Readings, Transition
from msemu.errors import MsemuError, blaming
from msemu.schema import TermCfg


@dataclass(frozen=True)
class NoOptions:
    """Nothing to choose."""


class Term(Memory):
    """A term that is more than a function; it is built as ``Class(options, scene)``.

    Attributes:
        Options: Dataclass of what the configuration's ``options`` may hold.
    """

    Options: ClassVar[type] = NoOptions

    def __init__(self, options: Any, scene: Scene):
        """Prepare what the term needs."""

    def __call__(self, now: Any) -> torch.Tensor:
        """Return the value of each environment; this changes nothing: what a term remembers, it takes in by `update`.

        A remembering observation term is asked before and after a reset, then for those environments alone that
        `Readings.rows` names.
        """
        raise NotImplementedError

    def update(self, step: Transition) -> None:
        """Take in a control step; called once in each, before the term is asked and before any reset."""


class Terms:
    """All terms of one kind. Their configurations get the options that were left at their defaults.

    Attributes:
        kind: What the kind is called.
        expected: What a value must be, for messages.
        when_not_finite: What becomes of a value that is not a finite number, for messages.
        names: Names of the terms.
    """

    kind: ClassVar[str]
    expected: ClassVar[str] = "float32 of shape [num_envs]"
    when_not_finite: ClassVar[str] = "counts as 0"

    def __init__(self, where: str, known: Mapping[str, Any], cfgs: Mapping[str, TermCfg], scene: Scene):
        """Find and build the terms.

        Args:
            where: What messages call the place of the configuration.
            known: Functions and classes by the names that need no ``function``.
            cfgs: Configuration of each term, by its name.
            scene: What the terms work in.

        Raises:
            MsemuError: A term is unknown, cannot be called, or does not suit its options or the scene.
        """
        self.names = tuple(cfgs)
        self._where = where
        self._functions = {name: cfg.function for name, cfg in cfgs.items()}
        self._terms = {name: self._make(name, cfg, known, scene) for name, cfg in cfgs.items()}
        self._remembering = {name: term for name, term in self._terms.items() if _remembers(term)}
        self._not_finite = {
            name: torch.zeros((), dtype=torch.bool, device=scene.sim.device) for name in cfgs if self._functions[name]
        }

    def check(self, now: Readings) -> None:
        """Ask every term once.

        Raises:
            MsemuError: What one returns is not `expected`, or not finite.
        """
        for name in self.names:
            value = self._ask(name, now)
            if self._is_wrong(value)[now.finite].any():
                raise MsemuError(f"{self._called(name)} gives a value that is not a finite number")

    def not_finite(self) -> list[str]:
        """Name the terms of plug-ins that have given what is not finite; this waits for the device."""
        return [
            f"{self._called(name)} gives values that are not finite; such a one {self.when_not_finite}"
            for name, seen in self._not_finite.items()
            if seen
        ]

    def update(self, step: Transition) -> None:
        """Let the terms that remember take in a control step."""
        for name, term in self._remembering.items():
            with blaming(self._called(name)):
                term.update(step)

    def reset(self, mask: torch.Tensor) -> None:
        """Let them forget the environments that start anew, shape [E], bool."""
        for name, term in self._remembering.items():
            with blaming(self._called(name)):
                term.reset(mask)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Everything that they remember."""
        state: dict[str, torch.Tensor] = {}
        for name, term in self._remembering.items():
            with blaming(self._called(name)):
                state |= {f"{name}.{key}": value for key, value in term.state_dict().items()}
        return state

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Continue from a `state_dict`."""
        for name, term in self._remembering.items():
            term.load_state_dict(without_prefix(state, f"{name}."))

    def _ask(self, name: str, now: Readings) -> torch.Tensor:
        """Return the value of a term, shape [N, ...].

        Raises:
            MsemuError: The term fails, or its value is not `expected`.
        """
        with blaming(self._called(name)):
            value = self._terms[name](now)
        count, device = len(now.frame), now.frame.device
        if not (isinstance(value, torch.Tensor) and self._fits(name, value, count) and value.device == device):
            given = described(value)
            raise MsemuError(f"{self._called(name)} gives {given}; expected {self.expected}, {count} on {device}")
        return value

    def _finite(self, name: str, value: torch.Tensor, now: Readings) -> torch.Tensor:
        """Return a value with zeros where a plug-in's is not finite, and note that; msemu's own as it is."""
        if name not in self._not_finite:
            return value
        wrong = self._is_wrong(value)
        self._not_finite[name] |= (wrong.view(len(wrong), -1).any(1) & now.finite).any()
        return torch.where(wrong, 0.0, value)

    def _is_wrong(self, value: torch.Tensor) -> torch.Tensor:
        return ~value.isfinite()

    def _called(self, name: str) -> str:
        function = self._functions[name]
        return f"{self._where}.{name}: the {self.kind} term{f' {function}' if function else ''}"

    def _fits(self, name: str, value: torch.Tensor, num_envs: int) -> bool:
        return value.shape == (num_envs,) and value.dtype == torch.float32

    def _make(self, name: str, cfg: TermCfg, known: Mapping[str, Any], scene: Scene) -> Callable:
        place = f"{self._where}.{name}"
        found = find(f"{self.kind} term", cfg.function or name, known)
        if not inspect.isclass(found):
            if cfg.options:
                raise MsemuError(f"{place}: the {self.kind} term is a function, which takes no options")
            return self._callable(place, found)
        if not issubclass(found, Term):
            raise MsemuError(f"{place}: the class of a {self.kind} term derives from msemu.envs.terms.Term")
        _expect_arguments(found, 2, f"{place}: the {self.kind} term must be built as Class(options, scene)")
        options: Any = build(found.Options, cfg.options, f"{place}.options")
        cfg.options = _plain_values(to_dict(options)) | cfg.options
        with blaming(self._called(name)):
            made = found(options, scene)
        return self._callable(place, made)

    def _callable(self, place: str, term: Callable) -> Callable:
        _expect_arguments(term, 1, f"{place}: the {self.kind} term must take one argument")
        return term


def _plain_values(options: dict[str, Any]) -> dict[str, Any]:
    """Those that a YAML file can hold."""
    plain = (str, int, float, dict, list, type(None))
    return {name: value for name, value in options.items() if type(value) in (*plain, bool)}


def without_prefix(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """Entries of a state whose names begin with a prefix, without it."""
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def _remembers(term: Callable) -> TypeGuard[Term]:
    names = ("update", "reset", "state_dict")
    return isinstance(term, Term) and any(getattr(type(term), name) is not getattr(Term, name) for name in names)


def _expect_arguments(call: Callable, count: int, message: str) -> None:
    try:
        inspect.signature(call).bind(*range(count))
    except TypeError as error:
        raise MsemuError(f"{message} ({error})") from error
