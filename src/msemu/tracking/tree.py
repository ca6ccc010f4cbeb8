"""The ways that bodies have gone through a clip, as a tree whose layers are windows."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

import torch

from msemu.tracking.particles import State


@dataclass
class Layer:
    """The U ways through a window that are gone on from, the best first.

    Attributes:
        parent: Way through the window before that each one follows, shape [U].
        guidance: What the controller is guided by at the end of the window, float32, shape [U, A].
        score: What they are selected by [-], shape [U].
        cost: Cost after each of S steps [-], shape [U, S].
        excitation: Excitations, float32, shape [U, S, M].
        qpos: States, shape [U, S, nq].
        wanted: Wanted accelerations, shape [U, S, D].
        state: State of the bodies at the end; forgotten where nobody goes back to.
    """

    parent: torch.Tensor
    guidance: torch.Tensor
    score: torch.Tensor
    cost: torch.Tensor
    excitation: torch.Tensor
    qpos: torch.Tensor
    wanted: torch.Tensor
    state: State | None = None

    @classmethod
    def of(cls, arrays: Iterable[torch.Tensor], state: State | None) -> "Layer":
        """Make a layer of its arrays, in their order."""
        return cls(**dict(zip(LAYER_ARRAYS, arrays, strict=True)), state=state)

    def rows(self, rows: torch.Tensor) -> "Layer":
        """Return some of the ways, without the state."""
        return Layer(**{name: getattr(self, name)[rows] for name in LAYER_ARRAYS})


LAYER_ARRAYS = tuple(field.name for field in fields(Layer) if field.name != "state")


@dataclass
class Path:
    """A way through W windows, T control steps.

    Attributes:
        guidance: Guidance at the end of each window, float32, shape [W, A].
        cost: Cost after each step [-], shape [T].
        excitation: Excitations, float32, shape [T, M].
        qpos: States, shape [T, nq].
        wanted: Wanted accelerations, shape [T, D].
    """

    guidance: torch.Tensor
    cost: torch.Tensor
    excitation: torch.Tensor
    qpos: torch.Tensor
    wanted: torch.Tensor

    def __len__(self) -> int:
        return len(self.excitation)


PATH_ARRAYS = tuple(field.name for field in fields(Path))


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
        """Add a layer, and forget what can no longer matter."""
        self.layers.append(layer)
        oldest = len(self.layers) - 1 - self._memory
        if oldest > 0:
            self.layers[oldest - 1].state = None
            self._prune(oldest)

    def go_back(self, windows: int) -> None:
        """Drop the latest layers, as many as are remembered at most."""
        while windows > 0 and self.windows > 0 and self.layers[-2].state is not None:
            self.layers.pop()
            windows -= 1

    def path(self) -> Path:
        """Return the best way to the latest layer."""
        index, parts = 0, []
        for layer in reversed(self.layers[1:]):
            parts.append(layer.rows(torch.tensor([index])))
            index = int(layer.parent[index])
        joined = [torch.cat([getattr(part, name)[0] for part in reversed(parts)]) for name in PATH_ARRAYS[1:]]
        return Path(torch.cat([part.guidance for part in reversed(parts)]), *joined)

    def _prune(self, index: int) -> None:
        """Drop the ways before a layer that nobody in it has come by."""
        while index > 1:
            layer, before = self.layers[index], self.layers[index - 1]
            used, layer.parent = torch.unique(layer.parent, return_inverse=True)
            if len(used) == len(before.parent):
                return
            self.layers[index - 1] = before.rows(used)
            index -= 1
