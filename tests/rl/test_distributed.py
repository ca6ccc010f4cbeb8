"""Two processes that learn one policy, started by torchrun on the CPU."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from patience import PATIENCE_S
from places import TESTS
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from msemu.errors import MsemuError
from msemu.motion.clip import MotionClip
from msemu.rl.checkpoints import checkpoint
from msemu.rl.distributed import Team
from msemu.rl.run_folder import RunFolder

TASK = "Msemu-Track-MyoLegs-v0"
NUM_ENVS, STEPS = 3, 8


class Torchrun:
    """A run of two processes with small networks."""

    def __init__(self, folder: Path, clip: MotionClip):
        self.runs, self.records = folder / "runs", folder / "records"
        self.records.mkdir()
        clip.save(folder / "march.npz")
        self.options = ["--motion", str(folder / "march.npz"), "--runs-dir", str(self.runs), "--device", "cpu"]
        self.options += ["--sim.device", "cpu", "--num-envs", str(NUM_ENVS), "--env.episode-length-s", "0.3"]
        self.options += ["--agent.num-steps-per-env", str(STEPS), "--agent.save-interval", "1"]
        self.options += ["--agent.actor.hidden-dims", "32", "--agent.critic.hidden-dims", "32"]
        self.options += ["--agent.algorithm.class-name", "recording_ppo:RecordingPPO"]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        command += ["-m", "msemu.cli.train", TASK, *self.options, *arguments]
        python_path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
        environment = os.environ | {"MSEMU_TEST_RECORDS": str(self.records), "PYTHONPATH": python_path}
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
        )

    def run(self) -> RunFolder:
        return RunFolder.latest(TASK, self.runs)

    def wait_for_training(self, process: subprocess.Popen[str]) -> None:
        """Wait until both processes have learned at least twice."""
        deadline = time.monotonic() + PATIENCE_S
        while not all((self.records / f"{rank}_2.pt").exists() for rank in (0, 1)):
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.05)


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    try:
        return process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


def children(process: subprocess.Popen[str]) -> dict[int, int]:
    """Process id of each rank."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            values = dict(item.split("=", 1) for item in (folder / "environ").read_text().split("\0") if "=" in item)
        except (OSError, ValueError):
            continue
        if parent == process.pid and "RANK" in values:
            found[int(values["RANK"])] = int(folder.name)
    return found


@pytest.fixture
def torchrun(march: MotionClip, tmp_path: Path) -> Torchrun:
    return Torchrun(tmp_path, march)


@pytest.mark.slow
def test_two_processes_hold_the_same_networks_after_each_iteration(torchrun: Torchrun) -> None:
    output, errors = finish(process := torchrun.start("--iterations", "3"))
    assert process.returncode == 0, errors
    for iteration in (1, 2, 3):
        first, second = (torch.load(torchrun.records / f"{rank}_{iteration}.pt") for rank in (0, 1))
        assert not torch.equal(first["observations"], second["observations"]), "each process has its own environments"
        assert first["learning_rate"] == second["learning_rate"]
        for name, value in first["state"].items():
            assert torch.equal(value, second["state"][name]), f"{name} after iteration {iteration}"
        # The normalizer has seen the samples of both.
        assert first["state"]["actor.obs_normalizer.count"] == iteration * 2 * NUM_ENVS * STEPS
    learned = [
        torch.load(torchrun.records / f"0_{iteration}.pt")["state"]["actor.mlp.0.weight"] for iteration in (1, 3)
    ]
    assert not torch.equal(*learned)

    assert output.count("run: ") == output.count("saved: ") == 1, "only the first process reports"
    run = torchrun.run()
    assert [path.name for path in run.checkpoints()] == ["model_0.pt", "model_1.pt", "model_2.pt"]
    assert len(list(run.path.glob("events.*"))) == 1
    state = checkpoint.read(run.checkpoint("last"), "cpu")
    assert state["logger"]["tot_timesteps"] == 3 * 2 * NUM_ENVS * STEPS
    curves = EventAccumulator(str(run.path)).Reload()
    seconds = [curves.Scalars(f"Perf/{part}_time")[-1].value for part in ("collection", "learning")]
    assert curves.Scalars("Perf/total_fps")[-1].value == int(2 * NUM_ENVS * STEPS / sum(seconds))

    _, errors = finish(process := torchrun.start("--resume", "latest", "--iterations", "1"))
    assert process.returncode == 0, errors
    assert run.checkpoint("last").name == "model_3.pt"
    first, second = (torch.load(torchrun.records / f"{rank}_1.pt") for rank in (0, 1))
    assert all(torch.equal(value, second["state"][name]) for name, value in first["state"].items())
    assert first["state"]["actor.obs_normalizer.count"] == 4 * 2 * NUM_ENVS * STEPS


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_the_others_end_when_a_process_dies(torchrun: Torchrun, rank: int) -> None:
    process = torchrun.start("--iterations", "100000")
    torchrun.wait_for_training(process)
    os.kill(children(process)[rank], signal.SIGKILL)
    killed = time.monotonic()
    _, errors = finish(process)
    assert time.monotonic() - killed < 25, "torchrun itself kills after 30 s"
    assert process.returncode != 0
    lines = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and f"process {rank} of 2 ended" in lines[0] and "resume" in lines[0], errors
    checkpoint.read(torchrun.run().checkpoint("last"), "cpu")


@pytest.mark.slow
def test_all_processes_stop_when_one_is_asked_to(torchrun: Torchrun) -> None:
    process = torchrun.start("--iterations", "100000")
    torchrun.wait_for_training(process)
    os.kill(children(process)[1], signal.SIGINT)
    output, errors = finish(process)
    assert process.returncode == 0 and output.count("saved: ") == 1, errors


@pytest.mark.slow
def test_the_time_of_a_run_ends_for_all_at_once(torchrun: Torchrun) -> None:
    output, errors = finish(process := torchrun.start("--minutes", "0.02"))
    assert process.returncode == 0 and output.count("saved: ") == 1, errors


def test_processes_share_out_the_cores_and_differ_in_their_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msemu.rl.distributed.available_cores", lambda: 16)
    teams = [Team(rank, 4, rank, 4) for rank in range(4)]
    assert [team.threads(0) for team in teams] == [4] * 4 and teams[0].threads(3) == 3
    assert Team().threads(0) == 0 and Team().seed(7, 100) == 7
    for iteration in (0, 1, 50):
        assert len({team.seed(7, iteration) for team in teams}) == 4
    assert teams[1].seed(7, 0) != teams[1].seed(7, 50), "a resumed process does not repeat its first episodes"


def test_one_gpu_for_several_processes_is_refused() -> None:
    with pytest.raises(MsemuError, match="each process takes a GPU of its own"):
        Team(0, 2, 0, 2).claim_gpu("cuda:1", "auto")
    Team().claim_gpu("cuda:1", "auto")
