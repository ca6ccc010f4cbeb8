"""The mean of the policies of a training."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from msemu.cli.training import train
from msemu.errors import MsemuError
from msemu.files import unwritten
from msemu.rl.checkpoints import checkpoint
from msemu.rl.checkpoints.averaging import averaged_policy, since
from msemu.rl.pretrained import find_run
from msemu.rl.run_folder import RunFolder
from msemu.schema import TrainCfg


def saved(folder: Path, iteration: int, weight: float, count: int = 0) -> Path:
    networks = {"mlp.weight": torch.full((2, 3), weight), "normalizer.count": torch.tensor(count)}
    path = folder / f"model_{iteration}.pt"
    checkpoint.write(path, {"actor_state_dict": networks, "iter": iteration, "critic_state_dict": {}})
    return path


def test_weights_are_averaged_and_counts_are_the_last(tmp_path: Path) -> None:
    paths = [saved(tmp_path, 10, 0.1, 5), saved(tmp_path, 20, 0.4, 7), saved(tmp_path, 30, 1.0, 9)]
    found = averaged_policy(paths)
    assert found.keys() == {"actor_state_dict", "iter"} and found["iter"] == 30
    assert found["actor_state_dict"]["mlp.weight"].dtype == torch.float32
    assert torch.allclose(found["actor_state_dict"]["mlp.weight"], torch.tensor(0.5))
    assert found["actor_state_dict"]["normalizer.count"] == 9


def test_three_quarters_count_unless_told_otherwise() -> None:
    paths = [Path(f"model_{iteration}.pt") for iteration in (0, 10, 20, 30, 40)]
    assert [path.stem for path in since(paths, None)] == ["model_10", "model_20", "model_30", "model_40"]
    assert [path.stem for path in since(paths, 30)] == ["model_30", "model_40"]


def test_a_run_names_its_average(train_cfg: TrainCfg, tmp_path: Path) -> None:
    """It is what acts where it is asked for, and lies beside the checkpoints without being one to go on from."""
    agent = replace(train_cfg.agent, save_interval=1)
    run = RunFolder.open(
        train("Msemu-Track-MyoLegs-v0", replace(train_cfg, agent=agent, iterations=3, runs_dir=str(tmp_path)))
    )
    path = run.checkpoint("average:1")
    assert path == run.path / "average_1.pt" and run.next_iteration() == 3
    own = checkpoint.read(path, "cpu")["actor_state_dict"]
    name = next(name for name in own if name.endswith("weight"))
    parts = [checkpoint.read(run.path / f"model_{i}.pt", "cpu")["actor_state_dict"][name] for i in (1, 2)]
    assert torch.allclose(own[name], (parts[0] + parts[1]) / 2) and not torch.equal(*parts)
    assert run.checkpoint("average") == run.path / "average.pt"
    with pytest.raises(MsemuError, match="lacks checkpoints from iteration 2 on to be averaged"):
        run.checkpoint("average:2")
    with unwritten([]):
        again = find_run(str(run.path), tmp_path)
        assert again.checkpoint("average") == run.path / "average.pt", "made anew by every command that names it"
        with pytest.raises(MsemuError, match="read by this command"):
            checkpoint.write(run.path / "model_0.pt", {})
    for name in ("average", "best"):
        again = replace(run.load_config(), resume=str(run.path), checkpoint=name)
        with pytest.raises(MsemuError, match=rf"{name}\.pt holds a policy alone.* --checkpoint last"):
            train("Msemu-Track-MyoLegs-v0", again)
    assert run.next_iteration() == 3


@pytest.mark.parametrize("name", ["average:", "average:-1", "averages", "average:1.5", "average:٣"])
def test_other_names_are_files(tmp_path: Path, name: str) -> None:
    assert RunFolder(tmp_path, "T").checkpoint(name) == Path(name)
