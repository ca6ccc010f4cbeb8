"""Batches of MuJoCo's simulations side by side, one for each thread."""

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import mujoco
import numpy as np
import torch
from mujoco.batch import Batch

from msemu.sim.threads import split


class BatchTeam:
    """Several batches that look like one `mujoco.batch.Batch`, each stepped by a thread of its own.

    A batch shares each call among its threads, and all wait for the last one. Where there is work to do between two
    physics steps, the threads of a team need not wait for each other before the end of a control step. The state and
    the bound outputs of all simulations lie in arrays of the team, to which they are copied after every call.

    Attributes:
        parts: The batches.
        ranges: Simulations of each batch.
        state: State of every simulation as in a batch, shape [E, S]; written values count in the next call.
        warning: MuJoCo's warnings of the last call as in a batch, shape [E, W, 2].
    """

    def __init__(self, make: Callable[[range], Batch], num_sims: int, num_threads: int):
        """Make the batches; ``make`` makes that of some of the E simulations, persistent and of one thread."""
        self.ranges = split(num_sims, num_threads)
        self.parts = [make(simulations) for simulations in self.ranges]
        self.state = np.concatenate([part.state for part in self.parts])
        self.warning = np.concatenate([part.warning for part in self.parts])
        self._outputs: dict[str, np.ndarray] = {}
        self._threads = ThreadPoolExecutor(len(self.parts), "physics") if len(self.parts) > 1 else None

    def bind(self, name: str) -> np.ndarray:
        """Return a live array over a field of `mujoco.MjData`, shape [E, ...], as `mujoco.batch.Batch.bind` does."""
        fields = [part.bind(name) for part in self.parts]
        first, state = fields[0], self.parts[0].state
        if np.shares_memory(first, state):
            begin = (_address(first) - _address(state)) // state.itemsize
            size = first[0].size
            return self.state[:, begin : begin + size].reshape(len(self.state), *first.shape[1:])
        if name not in self._outputs:
            self._outputs[name] = np.concatenate(fields)
        return self._outputs[name]

    def forward(self, ids: np.ndarray | None = None) -> None:
        """Compute every stage of some simulations, by default of all."""
        ids = np.arange(len(self.state)) if ids is None else ids
        chosen = [ids[(ids >= own.start) & (ids < own.stop)] - own.start for own in self.ranges]
        self._run(lambda index: self.parts[index].forward(chosen[index]), chosen)

    def get_data(self, sim: int, data: mujoco.MjData) -> mujoco.MjData:
        """Copy one simulation into ``data``."""
        index = next(index for index, own in enumerate(self.ranges) if sim in own)
        return self.parts[index].get_data(sim - self.ranges[index].start, data)

    def run(self, work: Callable[[int], None]) -> None:
        """Do ``work`` with the index of every batch, each in its thread, between copying its state in and out."""
        self._run(work, [np.arange(len(own)) for own in self.ranges])

    def _run(self, work: Callable[[int], None], chosen: list[np.ndarray]) -> None:
        """Do ``work`` with the index of each batch of which any simulations are chosen, given by their rows in it."""

        def with_state(index: int) -> None:
            part, rows = self.parts[index], chosen[index]
            own = rows + self.ranges[index].start
            part.state[rows] = self.state[own]
            work(index)
            self.state[own] = part.state[rows]
            self.warning[own] = part.warning[rows]
            part.warning[:] = 0
            for name, output in self._outputs.items():
                output[own] = part.bind(name)[rows]

        involved = [index for index, rows in enumerate(chosen) if len(rows)]
        if self._threads is None:
            for index in involved:
                with_state(index)
        else:
            list(self._threads.map(with_state, involved))


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def view(batch: Batch | BatchTeam, field: str) -> torch.Tensor:
    """Return a field of every simulation, shape [E, ...]; the engine keeps it up to date."""
    with warnings.catch_warnings():
        # Derived fields are read-only; torch has no such tensors and says so. Nobody writes to them.
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(batch.bind(field))
