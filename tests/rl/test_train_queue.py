"""The queue of policies, with commands that only write what the real ones would."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
import train_queue
import yaml
from command_line import run_main
from policy_table import BEGIN, END
from train_queue import Stopped, Work, do, read_queue, table, work_through

from msemu.errors import MsemuError
from msemu.files import write_text
from msemu.rl.checkpoints.checkpoint import write
from msemu.rl.run_folder import RunFolder

TASK = "Msemu-Walk-MyoLegs-v0"
JOB = {
    "task": TASK,
    "track": {"minutes": 1},
    "train": {"iterations": 5, "agent": "ppo_prior"},
    "distill": {"iterations": 2},
    "eval": {"episodes": 4},
}


class Commands:
    """Stand for ``msemu-*``: each call is noted; a training stops after so many iterations if told to."""

    def __init__(self, stop_after: int | None = None, failing: str = "", tracked: float = 1.0):
        self.calls: list[tuple[str, dict[str, str], str]] = []
        self.stop_after, self.failing, self.tracked = stop_after, failing, tracked

    def __call__(self, word: str, arguments: list[str]) -> None:
        options = {key: value for key, _, value in (each[2:].partition("=") for each in arguments[1:])}
        self.calls.append((word, options, arguments[0]))
        if word == self.failing:
            raise subprocess.CalledProcessError(1, [f"msemu-{word}"])
        if word == "track":
            write_text(Path(options["json"]), json.dumps({"completed": self.tracked}))
            return
        if word == "stabilize":
            write_text(Path(options["out"]), "")
            return
        if word == "eval":
            write_text(Path(options["json"]), '{"survival": 0.75, "joint_angle_error_deg": 2.5, "turned_deg": null}')
            return
        run = Path(options["resume"]) if "resume" in options else Path(options["runs-dir"], TASK, "a_run")
        write_text(run / "config.yaml", f"task: {TASK}\n")
        known = [int(path.stem.split("_")[1]) for path in run.glob("model_*.pt")]
        first, count = max(known, default=-1) + 1, int(options["iterations"])
        if self.stop_after is not None:
            count = min(count, self.stop_after)
        write(run / f"model_{first + count - 1}.pt", {"iter": first, "actor_state_dict": {"weight": torch.ones(1)}})
        if self.stop_after is not None:
            raise Stopped

    def words(self) -> list[str]:
        return [word for word, _, _ in self.calls]


def queue(tmp_path: Path, **jobs: Any) -> list[Work]:
    path = tmp_path / "queue.yaml"
    path.write_text(yaml.safe_dump(jobs, sort_keys=False))
    return list(read_queue(path, tmp_path / "out", []))


def test_each_step_follows_the_one_before_and_none_is_done_twice(tmp_path: Path) -> None:
    works, commands = queue(tmp_path, legs=JOB), Commands()
    work_through(works, tmp_path / "out", None, commands)
    assert commands.words() == ["track", "train", "distill", "eval"]
    trained, distilled = commands.calls[1][1], commands.calls[2]
    assert trained["from-track"] == commands.calls[0][1]["out"]
    assert trained["agent"] == "ppo_prior" and trained["iterations"] == "5" and "minutes" not in trained
    assert distilled[2] == str(works[0].require_run("train").path)
    assert commands.calls[3][2] == str(works[0].require_run("distill").path), "the native policy is measured"
    work_through(works, tmp_path / "out", None, commands)
    assert len(commands.calls) == 4
    assert "| legs | " + TASK + " | 5 of 5, 2 of 2 |" in (tmp_path / "out" / "queue.md").read_text()
    assert "| 75 |" in table(works)


def test_what_was_found_is_stabilized_before_it_is_followed(tmp_path: Path) -> None:
    job, commands = {**JOB, "stabilize": {"rounds": 2}}, Commands()
    works = queue(tmp_path, legs=job)
    work_through(works, tmp_path / "out", None, commands)
    assert commands.words() == ["track", "stabilize", "train", "distill", "eval"]
    _, options, found = commands.calls[1]
    assert found == commands.calls[0][1]["out"] and options["rounds"] == "2"
    assert commands.calls[2][1]["from-track"] == options["out"]
    work_through(works, tmp_path / "out", None, commands)
    assert len(commands.calls) == 5
    short = Commands(tracked=0.7)
    work_through(queue(tmp_path, other=job), tmp_path / "out", None, short)
    assert short.words() == ["track", "train", "distill", "eval"], "half a movement is not stabilized"


def test_a_stopped_training_goes_on_with_what_is_left(tmp_path: Path) -> None:
    works = queue(tmp_path, legs={**JOB, "track": None, "distill": None})
    work_through(works, tmp_path / "out", None, Commands(stop_after=3))
    assert works[0].done("train") == 3 and not works[0].figures()
    later = Commands()
    work_through(works, tmp_path / "out", 30.0, later)
    assert later.words() == ["train", "eval"]
    options = later.calls[0][1]
    assert options["iterations"] == "2" and options["resume"] == str(works[0].require_run("train").path)
    assert "agent" not in options, "a run keeps its values"
    assert 29.0 < float(options["minutes"]) <= 30.0


def test_a_search_that_was_stopped_is_gone_on_with(tmp_path: Path) -> None:
    works = queue(tmp_path, legs=JOB)

    def stopped(word: str, arguments: list[str]) -> None:
        Commands(tracked=0.4)(word, arguments)
        raise Stopped

    work_through(works, tmp_path / "out", None, stopped)
    assert not works[0].tracked()
    short = Commands(tracked=0.6)
    work_through(works, tmp_path / "out", 0.5, short)
    assert short.words() == ["track"] and float(short.calls[0][1]["minutes"]) <= 0.5
    assert not works[0].tracked(), "half of its minute is not all of it"
    later = Commands()
    work_through(works, tmp_path / "out", 30.0, later)
    assert later.words()[:2] == ["track", "train"] and later.calls[0][1]["minutes"] == "1"


def test_what_does_not_reach_the_end_of_the_clip_is_not_followed(tmp_path: Path) -> None:
    commands = Commands(tracked=0.7)
    work_through(queue(tmp_path, legs=JOB), tmp_path / "out", None, commands)
    assert commands.words()[:2] == ["track", "train"] and "from-track" not in commands.calls[1][1]


def test_a_policy_that_cannot_be_published_does_not_hold_up_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Path:
        raise MsemuError("no clip 'mine'")

    monkeypatch.setattr(train_queue, "publish", refuse)
    works = queue(tmp_path, mine={**JOB, "publish": True}, other=JOB)
    with pytest.raises(MsemuError, match=r"^jobs have failed: mine \(no clip 'mine'\)"):
        work_through(works, tmp_path / "out", None, Commands())
    assert works[1].figures()


def test_a_job_that_fails_does_not_hold_up_the_next(tmp_path: Path) -> None:
    works = queue(tmp_path, hard=JOB, easy={**JOB, "track": None})
    with pytest.raises(MsemuError, match=r"^jobs have failed: hard \(msemu-track ended with 1\)"):
        work_through(works, tmp_path / "out", None, Commands(failing="track"))
    assert works[1].figures() and not works[0].figures()


def test_a_training_that_ends_early_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    """The time of a call may be over before the iterations are, and the command ends well."""
    works = queue(tmp_path, legs={**JOB, "track": None})

    def shortened(word: str, arguments: list[str]) -> None:
        Commands()(word, [each.replace("iterations=5", "iterations=4") for each in arguments])

    with pytest.raises(Stopped):
        do(works[0], lambda: 1.0, shortened, lambda: None)


def test_each_seed_is_a_job(tmp_path: Path) -> None:
    works = queue(tmp_path, legs={**JOB, "seeds": [3, 8], "track": None})
    commands = Commands()
    work_through(works, tmp_path / "out", None, commands)
    assert [work.name for work in works] == ["legs_seed3", "legs_seed8"]
    assert [options["seed"] for word, options, _ in commands.calls if word == "train"] == ["3", "8"]


def test_the_page_of_results_is_made_anew_once_something_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, jobs = tmp_path / "results.md", tmp_path / "jobs.yaml"
    page.write_text(f"# Results\n{BEGIN}\nold\n{END}\n")
    jobs.write_text(yaml.safe_dump({"legs": JOB | {"publish": True}}))
    monkeypatch.setattr(train_queue, "run_command", Commands())
    monkeypatch.setattr(train_queue, "publish", lambda run, checkpoint, cpu_hours, variant="": Path(run.task))
    monkeypatch.setattr(train_queue, "measured_table", lambda out: f"measured in {out.name}")
    arguments = [str(jobs), "--out", str(tmp_path / "out"), "--page", str(page)]
    assert run_main(train_queue.main, "train_queue", *arguments, "--show").returncode == 0
    assert "old" in page.read_text()
    result = run_main(train_queue.main, "train_queue", *arguments)
    assert result.returncode == 0 and "| legs |" in result.stdout, result.stderr
    assert page.read_text() == f"# Results\n{BEGIN}\nmeasured in policies\n{END}\n"


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ({"task": "Msemu-Wlak-MyoLegs-v0", "train": {"iterations": 1}}, "Msemu-Walk-MyoLegs-v0"),
        ({"task": TASK, "train": {}}, "legs: train wants iterations"),
        ({"task": TASK, "train": {"iterations": 1}, "distill": {"iterations": -2}}, "legs: distill wants iterations"),
        ({"task": TASK, "trian": {"iterations": 1}}, "trian"),
    ],
)
def test_a_job_that_cannot_be_done_is_named(tmp_path: Path, job: dict[str, Any], message: str) -> None:
    with pytest.raises(MsemuError, match=message) as error:
        queue(tmp_path, legs=job)
    assert "\n" not in str(error.value)


def test_the_repertoire_that_comes_with_msemu_can_be_read(tmp_path: Path) -> None:
    works = list(read_queue(Path(__file__).parents[2] / "tools" / "repertoire.yaml", tmp_path, []))
    assert {"walk_700", "backflip_full"} <= {work.name for work in works}
    assert works[0].job.train["env.action"] == "joint"


def test_the_led_and_the_native_policy_are_published_with_what_they_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def noted(run: RunFolder, checkpoint: str, cpu_hours: float, variant: str = "") -> Path:
        published.append((run, checkpoint, cpu_hours, variant))
        return Path(f"{run.task}-{variant}" if variant else run.task)

    published: list[tuple[RunFolder, str, float, str]] = []
    monkeypatch.setattr(train_queue, "publish", noted)
    monkeypatch.setattr(Work, "cpu_s", lambda work: {"track": 900.0, "train": 1800.0, "distill": 3600.0, "eval": 60.0})
    (work,) = queue(tmp_path, legs={**JOB, "publish": True})
    for _ in range(2):
        work_through([work], tmp_path / "out", None, Commands())
    led, native = work.require_run("train"), work.require_run("distill")
    assert published == [(led, "best", 0.75, ""), (native, "best", 1.75, "native")]
    assert (work.folder / "published.txt").read_text().split() == [TASK, f"{TASK}-native"]
