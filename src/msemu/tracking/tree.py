"""The ways that bodies have gone through a clip, as a tree whose layers are windows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from msemu.envs.terms import without_prefix
from msemu.tracking.particles import State, environment_axis, rows_of


@dataclass
class Layer:
    """The U ways through a window that are gone on from, the best first.

    Attributes:
        parent: Way through the window before that each one follows, shape [U].
        guidance: What the controller is guided by at the end of each of P pieces, float32, shape [U, P, A].
        score: What they are selected by [-], shape [U].
        total: Sum of the costs since the first frame [-], shape [U].
        cost: Cost after each of S steps [-], shape [U, S].
        excitation: Excitations, float32, shape [U, S, M].
        qpos: Poses, shape [U, S, nq].
        qvel: Velocities, shape [U, S, nv].
        wanted: Wanted accelerations, shape [U, S, D].
        state: State of the bodies at the end.
    """

    parent: torch.Tensor
    guidance: torch.Tensor
    score: torch.Tensor
    total: torch.Tensor
    cost: torch.Tensor
    excitation: torch.Tensor
    qpos: torch.Tensor
    qvel: torch.Tensor
    wanted: torch.Tensor
    state: State

    def __len__(self) -> int:
        return len(self.parent)

    @classmethod
    def of(cls, arrays: Iterable[torch.Tensor], state: State) -> "Layer":
        """Make a layer of its arrays, in their order."""
        return cls(**dict(zip(_ARRAYS, arrays, strict=True)), state=state)

    def rows(self, rows: torch.Tensor) -> "Layer":
        """Return some of the ways."""
        return Layer.of((getattr(self, name)[rows] for name in _ARRAYS), rows_of(self.state, rows))

    def beside(self, other: "Layer") -> "Layer":
        """Return the ways of both, the best first."""
        arrays = [torch.cat((getattr(self, name), getattr(other, name))) for name in _ARRAYS]
        joined = Layer.of(arrays, {key: _joined(key, value, other.state[key]) for key, value in self.state.items()})
        return joined.rows(joined.score.argsort(stable=True))


_ARRAYS = tuple(field.name for field in fields(Layer) if field.name != "state")


def saved(layers: Iterable[Layer], prefix: str) -> dict[str, Any]:
    """Return layers as arrays by name."""
    arrays: dict[str, Any] = {}
    for index, layer in enumerate(layers):
        arrays |= {f"{prefix}{index}.{name}": getattr(layer, name) for name in _ARRAYS}
        arrays |= {f"{prefix}{index}.state.{name}": value for name, value in layer.state.items()}
    return arrays


def loaded(arrays: Mapping[str, torch.Tensor], prefix: str) -> list[Layer]:
    """Return the layers that `saved` made arrays of."""
    layers: list[Layer] = []
    while f"{prefix}{len(layers)}.score" in arrays:
        own = without_prefix(dict(arrays), f"{prefix}{len(layers)}.")
        layers.append(Layer.of((own[name] for name in _ARRAYS), without_prefix(own, "state.")))
    return layers


@dataclass
class Path:
    """A way through W windows, T control steps.

    Attributes:
        layers: The windows, with one way each.
    """

    layers: list[Layer]

    def __len__(self) -> int:
        return len(self.cost)

    @property
    def guidance(self) -> torch.Tensor:
        """Guidance at the end of each piece, float32, shape [P, A]."""
        return torch.cat([layer.guidance[0] for layer in self.layers])

    @cached_property
    def cost(self) -> torch.Tensor:
        """Cost after each step [-], shape [T]."""
        return torch.cat([layer.cost[0] for layer in self.layers])

    @cached_property
    def excitation(self) -> torch.Tensor:
        """Excitations, float32, shape [T, M]."""
        return torch.cat([layer.excitation[0] for layer in self.layers])

    @property
    def qpos(self) -> torch.Tensor:
        """Poses, shape [T, nq]."""
        return torch.cat([layer.qpos[0] for layer in self.layers])

    @property
    def qvel(self) -> torch.Tensor:
        """Velocities, shape [T, nv]."""
        return torch.cat([layer.qvel[0] for layer in self.layers])

    @property
    def wanted(self) -> torch.Tensor:
        """Wanted accelerations, shape [T, D]."""
        return torch.cat([layer.wanted[0] for layer in self.layers])


class Tree:
    """Layers, the first of which is the start; the ways of the latest can be gone on from.

    Attributes:
        layers: The layers.
    """

    def __init__(self, layers: list[Layer], memory: int):
        """Begin with some layers; bodies may go back over ``memory`` of them."""
        self.layers, self._memory = layers, memory

    @property
    def windows(self) -> int:
        """Windows that have been gone through."""
        return len(self.layers) - 1

    def add(self, layer: Layer) -> None:
        """Add a layer, and forget the ways that can no longer matter."""
        self.layers.append(layer)
        self._prune(len(self.layers) - 1 - self._memory)

    def go_back(self, windows: int) -> None:
        """Drop the latest layers, as many as are remembered whole at most."""
        for _ in range(min(windows, self.windows, self._memory)):
            self.layers.pop()

    def path(self) -> Path:
        """Return the way to the latest layer whose costs have the least sum."""
        index, ways = int(self.layers[-1].total.argmin()), []
        for layer in reversed(self.layers[1:]):
            ways.append(layer.rows(torch.tensor([index])))
            index = int(layer.parent[index])
        return Path(ways[::-1])

    def _prune(self, index: int) -> None:
        """Drop the ways before a layer that nobody in it has come by."""
        while index > 1:
            layer, before = self.layers[index], self.layers[index - 1]
            used, parent = torch.unique(layer.parent, return_inverse=True)
            if len(used) == len(before):
                return
            self.layers[index] = replace(layer, parent=parent)
            self.layers[index - 1] = before.rows(used)
            index -= 1


def _joined(key: str, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(np.concatenate((one.numpy(), other.numpy()), environment_axis(key)))
