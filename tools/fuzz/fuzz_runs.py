#!/usr/bin/env python
"""Kill trainings at random moments, damage their checkpoints and clips, and count what msemu does about it.

    python tools/fuzz/fuzz_runs.py --kills 20 --checkpoints 500 --clips 500 --seed 1 --out fuzzed

* **Kills**: a training is killed (SIGKILL) at a random moment and resumed, again and again, until it is done. Its last
  checkpoint must equal, bit for bit, that of a training that nobody killed.
* **Checkpoints**, **clips**: of each damaged copy, what is read must be what was written, or one line must say why not.

The same seed damages the same places. Ends with 1 if anything was accepted that changed, or ended in a traceback, or a
process was left behind.
"""

import argparse
import collections
import hashlib
import io
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from msemu.errors import MsemuError
from msemu.models import load_body
from msemu.motion.clip import MotionClip
from msemu.rl.assemble import find_runner, make_env
from msemu.rl.checkpoints import checkpoint
from msemu.rl.run_folder import RunFolder

TASK = "Msemu-Track-MyoLegs-v0"
ITERATIONS = 24
TIMES = ("tot_time", "collect_time", "learn_time")
"""Entries of a checkpoint that say how long something took."""
Table = dict[str, collections.Counter]
BAD = ("changed", "traceback", "left behind", "not resumed")
"""Columns that must be zero."""


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, number in (("kills", 20), ("checkpoints", 500), ("clips", 500), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=number)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs, which must be new")
    args = parser.parse_args()
    args.out.mkdir(parents=True)
    clip = args.out / "clip.npz"
    standing_clip().save(clip)
    whole = train(clip, args.out / "whole")
    table = {
        **kills(clip, whole, args.out / "killed", args.kills, np.random.default_rng(args.seed)),
        **damaged_checkpoints(whole, args.checkpoints, np.random.default_rng(args.seed), args.out),
        **damaged_clips(clip, args.clips, np.random.default_rng(args.seed), args.out),
    }
    print(shown(table))
    raise SystemExit(any(counts[column] for counts in table.values() for column in BAD))


def standing_clip(frames: int = 20) -> MotionClip:
    """Return a clip in which MyoLegs sways a little."""
    body = load_body("myolegs")
    qpos = np.repeat(body.neutral_qpos[None], frames, axis=0)
    qpos[:, 0] += 0.01 * np.sin(2 * np.pi * np.arange(frames) / frames)
    qvel = np.zeros((frames, body.model.nv))
    qvel[:, 0] = 0.01 * 2 * np.pi * 50.0 / frames * np.cos(2 * np.pi * np.arange(frames) / frames)
    about = {"cyclic": True, "name": "sway", "source": "made up", "license": "none"}
    return MotionClip(body=body.name, joint_names=body.joint_names, fps=50.0, qpos=qpos, qvel=qvel, **about)


def command(*arguments: str | Path) -> list[str]:
    """Return the command of a small training."""
    small = "--device cpu --sim.device cpu --sim.num-threads 1 --num-envs 2 --agent.num-steps-per-env 2"
    settings = f"{small} --agent.save-interval 1 --agent.algorithm.num-mini-batches 1 --keep 3".split()
    return [sys.executable, "-m", "msemu.cli.train", TASK, *settings, *map(str, arguments)]


def train(clip: Path, runs: Path) -> RunFolder:
    """Train in one go."""
    subprocess.run(command("--motion", clip, "--runs-dir", runs, "--iterations", ITERATIONS), check=True)
    return RunFolder.latest(TASK, runs)


def kills(clip: Path, whole: RunFolder, runs: Path, number: int, random: np.random.Generator) -> Table:
    """Kill a training so often, each time some iterations further, and let it end."""
    counts = collections.Counter()
    last = ITERATIONS - 4
    for index in range(number):
        done = last * index // max(number, 1)
        counts += killed(going_on(clip, runs, ITERATIONS), runs, done, random.uniform(0.0, 0.3))
    counts += finished(clip, whole, runs)
    return {f"SIGKILL ({number})": counts}


def going_on(clip: Path, runs: Path, until: int) -> list[str]:
    """Return the command that begins a training, or goes on with what there is of it."""
    try:
        run = RunFolder.latest(TASK, runs)
    except MsemuError:
        return command("--motion", clip, "--runs-dir", runs, "--iterations", until)
    return command("--resume", run.path, "--iterations", max(1, until - run.next_iteration()))


def killed(arguments: list[str], runs: Path, iterations: int, wait_s: float) -> collections.Counter:
    """Start a training and kill it a while after it has done so many iterations; look at what it leaves."""
    process = subprocess.Popen(arguments, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while process.poll() is None and done(runs) < iterations:
        time.sleep(0.005)
    time.sleep(wait_s)
    process.send_signal(signal.SIGKILL)
    errors = process.communicate()[1].decode()
    counts = collections.Counter({"done": 1, "traceback": "Traceback" in errors})
    counts["left behind"] = len(left_behind(process.pid))
    for file in runs.glob(f"{TASK}/*/[!.]*.pt"):  # one that begins with a dot was being written
        try:
            checkpoint.read(file, "cpu")
        except MsemuError:
            counts["changed"] += 1
    return counts


def done(runs: Path) -> int:
    """Return how many iterations the newest run has done."""
    return max(
        (RunFolder(file.parent, TASK).next_iteration() for file in runs.glob(f"{TASK}/*/config.yaml")), default=0
    )


def left_behind(session: int, patience_s: float = 3.0) -> list[int]:
    """Return the processes of a session that live on for a while."""
    deadline = time.monotonic() + patience_s
    while living := [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if session_of(pid) == session]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return living


def session_of(pid: int) -> int | None:
    """Return the session of a process that is not only waiting to be buried."""
    try:
        state, *_ = (fields := Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split())
        return None if state == "Z" else int(fields[3])
    except (OSError, ValueError):
        return None


def finished(clip: Path, whole: RunFolder, runs: Path) -> collections.Counter:
    """Let the training end, and compare it with the one in one go."""
    arguments = going_on(clip, runs, ITERATIONS)
    result = subprocess.run(arguments, capture_output=True, text=True)
    run = RunFolder.latest(TASK, runs)
    fresh = runs if not result.returncode else None
    one, other = (checkpoint.read(each.checkpoint("last"), "cpu") for each in (whole, run))
    same = fresh is not None and one["iter"] == other["iter"] and equal(one, other)
    return collections.Counter({"as written": same, "not resumed": not same, "traceback": "Traceback" in result.stderr})


def damaged_checkpoints(run: RunFolder, number: int, random: np.random.Generator, out: Path) -> Table:
    """Damage the last checkpoint of a run, as a file and in its entries, and try to go on from it."""
    cfg = run.load_config()
    runner = find_runner(cfg.agent)(
        make_env(TASK, cfg, run.load_body(cfg), run.load_clips(), 0), cfg.agent, None, "cpu"
    )
    good, bad = run.checkpoint("last"), out / "bad.pt"
    wanted = checkpoint.read(good, "cpu")

    def load(path: Path) -> bool:
        runner.load(str(path))
        return equal(checkpoint.read(path, "cpu"), wanted)

    damages = {**FILE_DAMAGES, **{name: inside(wanted, damage) for name, damage in ENTRY_DAMAGES.items()}}
    return damaged("checkpoint", good, bad, damages, load, number, random)


def damaged_clips(clip: Path, number: int, random: np.random.Generator, out: Path) -> Table:
    """Damage a clip's file."""
    wanted, bad = MotionClip.load(clip), out / "bad.npz"
    damages = {**FILE_DAMAGES, "array removed": without_array}
    return damaged(
        "clip", clip, bad, damages, lambda path: equal(vars(MotionClip.load(path)), vars(wanted)), number, random
    )


Damage = Callable[[bytes, np.random.Generator], bytes]


def damaged(
    what: str, good: Path, bad: Path, damages: dict[str, Damage], load: Callable[[Path], bool], number: int,
    random: np.random.Generator,
) -> Table:  # fmt: skip
    """Count what happens to so many damaged copies; ``load`` says whether what it read is what was written."""
    content, table = good.read_bytes(), {f"{what}: {name}": collections.Counter() for name in damages}
    for index in range(number):
        name, damage = list(damages.items())[index % len(damages)]
        bad.write_bytes(damage(content, random))
        table[f"{what}: {name}"] += collections.Counter({"done": 1, outcome(load, bad): 1})
    return table


def outcome(load: Callable[[Path], bool], path: Path) -> str:
    """Return what reading a damaged file comes to."""
    try:
        return "as written" if load(path) else "changed"
    except MsemuError as error:
        return "refused" if "\n" not in str(error) and "weights_only" not in str(error) else "traceback"
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return "traceback"


def bit_flipped(content: bytes, random: np.random.Generator) -> bytes:  # noqa: D103
    changed = bytearray(content)
    changed[random.integers(len(content))] ^= 1 << int(random.integers(8))
    return bytes(changed)


def truncated(content: bytes, random: np.random.Generator) -> bytes:  # noqa: D103
    return content[: int(random.integers(len(content)))]


def block_zeroed(content: bytes, random: np.random.Generator) -> bytes:
    """Replace what a disk loses as a whole."""
    start, size = int(random.integers(len(content))), int(random.integers(1, 4096))
    return (content[:start] + bytes(size) + content[start + size :])[: len(content)]


def blocks_swapped(content: bytes, random: np.random.Generator) -> bytes:  # noqa: D103
    size = min(512, len(content) // 4)
    one, other = (int(start) * size for start in random.choice(len(content) // size, 2, replace=False))
    changed = bytearray(content)
    changed[one : one + size], changed[other : other + size] = content[other : other + size], content[one : one + size]
    return bytes(changed)


FILE_DAMAGES: dict[str, Damage] = {
    "bit flipped": bit_flipped,
    "truncated": truncated,
    "block zeroed": block_zeroed,
    "blocks swapped": blocks_swapped,
}


def without_array(content: bytes, random: np.random.Generator) -> bytes:
    """Leave out an array that a clip cannot do without."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts.pop(f"{random.choice(['header', 'qpos', 'qvel', 'cycle_displacement'])}.npy")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return packed.getvalue()


def inside(content: dict[str, Any], damage: Callable[[dict, str, Any], None]) -> Damage:
    """Return a damage of one entry in a file that is otherwise in order: its SHA-256 is that of the changed content."""

    def write(_: bytes, random: np.random.Generator) -> bytes:
        changed = copied(content)
        places = list(leaves(changed))
        damage(*places[int(random.integers(len(places)))], random)
        file = io.BytesIO()
        torch.save(changed, file)
        return file.getvalue() + b"\nmsemu sha256 " + hashlib.sha256(file.getvalue()).hexdigest().encode()

    return write


def removed(within: dict, key: str, random: np.random.Generator) -> None:  # noqa: D103
    del within[key]


def retyped(within: dict, key: str, random: np.random.Generator) -> None:
    """Change what kind of thing an entry is."""
    tensor = isinstance(within[key], torch.Tensor)
    within[key] = random.choice(["text", "none", "list"])
    within[key] = {"text": "a text", "none": None, "list": [{"a": 1.0}]}[within[key]] if tensor else {"a": 1.0}


def reshaped(within: dict, key: str, random: np.random.Generator) -> None:
    """Make an entry larger."""
    value = within[key]
    within[key] = torch.cat((value[None], value[None])) if isinstance(value, torch.Tensor) else {"a": value}


ENTRY_DAMAGES = {"entry removed": removed, "type changed": retyped, "shape changed": reshaped}


def leaves(value: dict) -> Iterator[tuple[dict, str]]:
    """Yield the mappings and the keys of all entries that are no mappings."""
    for key, item in value.items():
        if isinstance(item, dict):
            yield from leaves(item)
        else:
            yield value, key


def copied(value: Any) -> Any:
    """Return the same with mappings of its own."""
    return {key: copied(item) for key, item in value.items()} if isinstance(value, dict) else value


def equal(one: Any, other: Any) -> bool:
    """Whether two contents are the same, but for times."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one if key not in TIMES)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    return type(one) is type(other) and one == other


def shown(table: Table) -> str:
    """Return the counts as a table."""
    columns = ("done", "refused", "as written", *BAD)
    rows = [f"{name:32}" + "".join(f"{counts[column]:>13}" for column in columns) for name, counts in table.items()]
    return "\n".join([" " * 32 + "".join(f"{column:>13}" for column in columns), *rows])


if __name__ == "__main__":
    main()
