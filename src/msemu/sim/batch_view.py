"""The memory of MuJoCo's batch engine as torch tensors."""

import warnings

import torch
from mujoco.batch import Batch

from msemu.sim.batch_team import BatchTeam


def view(batch: Batch | BatchTeam, field: str) -> torch.Tensor:
    """Return a field of every simulation, shape [E, ...]; the engine keeps it up to date."""
    with warnings.catch_warnings():
        # Derived fields are read-only; torch has no such tensors and says so. Nobody writes to them.
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(batch.bind(field))
