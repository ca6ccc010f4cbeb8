#!/usr/bin/env python
"""Train agents on one task with the same seeds and budget, measure them, and plot error over control steps.

    python tools/compare_agents.py --agents ppo add --seeds 1 2 3 --iterations 400 --out runs/ppo_add

A run that is complete in ``--out`` is not repeated. Writes ``comparison.md`` (errors of the last checkpoint by
``msemu-eval``, mean and range over the seeds) and ``comparison.png`` (errors of the visited states while training).
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

MEASURES = {
    "joint_angle_error_deg": "joint angle [deg]",
    "root_rotation_error_deg": "pelvis rotation [deg]",
    "body_position_error_cm": "body position [cm]",
    "root_translation_error_cm": "pelvis translation [cm]",
    "survival_time_s": "time before a failure [s]",
}
CURVES = {
    "Error/joint_angle_deg": "joint angle [deg]",
    "Error/root_rotation_deg": "pelvis rotation [deg]",
    "Error/body_position_cm": "body position [cm]",
    "Error/root_translation_cm": "pelvis translation [cm]",
    "Error/tracking_score_cm": "tracking score [cm]",
    "Train/mean_episode_length": "episode [control steps]",
}


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="Msemu-Walk-MyoLegs-v0")
    parser.add_argument("--agents", nargs="+", default=["ppo", "add"], help="names of cfg/agent, or YAML files")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--iterations", type=int, default=400)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs and of the results")
    args = parser.parse_args()
    runs = {
        agent: [trained(args.task, agent, seed, args.iterations, args.out) for seed in args.seeds]
        for agent in args.agents
    }
    table = tabulate({agent: [figures(folder) for folder in found] for agent, found in runs.items()})
    (args.out / "comparison.md").write_text(table, encoding="utf-8")
    print(table)
    plot(runs, args.out / "comparison.png")


def trained(task: str, agent: str, seed: int, iterations: int, out: Path) -> Path:
    """Folder of the complete run of one agent and seed; it is trained when there is none."""
    name = f"{Path(agent).stem}_seed{seed}_{iterations}"

    def complete() -> list[Path]:
        return sorted(path.parent for path in (out / task).glob(f"*_{name}/model_{iterations - 1}.pt"))

    if not complete():
        options = {"agent": agent, "seed": seed, "iterations": iterations, "runs-dir": out, "run-name": name}
        run("train", task, *(f"--{key}={value}" for key, value in options.items()))
    return complete()[-1]


def run(command: str, *arguments: str) -> None:
    """Run ``msemu-<command>`` of this Python."""
    subprocess.run([Path(sys.executable).with_name(f"msemu-{command}"), *arguments], check=True)


def figures(folder: Path) -> dict[str, float]:
    """Errors of the last checkpoint of a run."""
    path = folder / "last.json"
    if not path.is_file():
        run("eval", str(folder), "--checkpoint", "last", "--json", str(path))
    return json.loads(path.read_text(encoding="utf-8"))


def tabulate(results: dict[str, list[dict[str, float]]]) -> str:
    """Mean and range of every measure by agent, as Markdown."""
    lines = ["| measure | " + " | ".join(results) + " |", "|---" * (len(results) + 1) + "|"]
    for key, label in MEASURES.items():
        cells = []
        for found in results.values():
            values = [figure[key] for figure in found]
            cells.append(f"{np.mean(values):.2f} ({min(values):.2f} to {max(values):.2f})")
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def plot(runs: dict[str, list[Path]], path: Path) -> None:
    """Every curve over control steps: the mean over the seeds, and their range."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(12, 6), constrained_layout=True)
    for axis, (tag, label) in zip(axes.flat, CURVES.items(), strict=True):
        for agent, found in runs.items():
            curves = [curve(folder, tag) for folder in found]
            # A curve may begin some iterations late (episode lengths do).
            steps = curves[0][0][-min(len(values) for _, values in curves) :]
            values = np.stack([values[-len(steps) :] for _, values in curves])
            (line,) = axis.plot(steps, values.mean(0), label=Path(agent).stem)
            axis.fill_between(steps, values.min(0), values.max(0), color=line.get_color(), alpha=0.2, linewidth=0)
        axis.set(xlabel="control steps", ylabel=label, ylim=(0, None))
    axes.flat[0].legend()
    figure.savefig(path, dpi=120)


def curve(folder: Path, tag: str) -> tuple[np.ndarray, np.ndarray]:
    """Control steps and values of one TensorBoard curve."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from msemu.rl.run_folder import RunFolder

    cfg = RunFolder.open(folder).load_config()
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload().Scalars(tag)
    steps = np.array([(event.step + 1) * cfg.num_envs * cfg.agent.num_steps_per_env for event in events])
    return steps, np.array([event.value for event in events])


if __name__ == "__main__":
    main()
