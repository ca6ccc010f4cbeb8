"""An algorithm that writes what it holds after each update, to compare the processes of a run."""

import os
from pathlib import Path

import torch

from msemu.rl.ppo import PPO


class RecordingPPO(PPO):
    """PPO that leaves ``<rank>_<iteration>.pt`` in the folder named by ``MSEMU_TEST_RECORDS``."""

    def update(self) -> dict[str, float]:
        observations = self.storage.observations["muscle"].clone()
        losses = super().update()
        self.updates = getattr(self, "updates", 0) + 1
        state = {
            f"{part}.{name}": value.clone()
            for part in ("actor", "critic")
            for name, value in getattr(self, part).state_dict().items()
        }
        path = Path(os.environ["MSEMU_TEST_RECORDS"]) / f"{os.environ['RANK']}_{self.updates}.pt"
        torch.save({"state": state, "observations": observations, "learning_rate": self.learning_rate}, path)
        return losses
