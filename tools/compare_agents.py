#!/usr/bin/env python
"""Train agents on one task with the same seeds and budget, measure them, and plot errors over control steps and time.

    python tools/compare_agents.py --agents ppo add --seeds 1 2 3 --iterations 400 --out runs/ppo_add
    python tools/compare_agents.py --init RUN --agents ppo flow flow_guided qflex --steps 200000 --out runs/native
    python tools/compare_agents.py --conditions tools/ablation/walk.yaml --steps 49152 --out runs/ablation

``--conditions`` is a YAML file of names, and the options of msemu-train for each, in place of ``--agents``.

All conditions of a seed are trained before the next seed, and a run that is complete in ``--out`` is not repeated.
Writes ``comparison.md`` (errors of the last checkpoint by ``msemu-eval`` and how well its critic knows what comes, mean
and range over the seeds), ``comparison_steps.png`` and ``comparison_time.png`` (errors of the visited states while
training). Agents that begin with one policy (``--init``) are compared at equal control steps, which ``--steps`` gives.

The explained variance is that of discounted returns of new episodes, with the policy's noise, by the critic: V of the
states, or the lesser Q of the states and what is done in them. It is missing where a discriminator gives the reward.
"""

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from commands import run, words
from tensordict import TensorDict

from msemu.cli.train import parse
from msemu.rl.assemble import open_policy
from msemu.rl.checkpoints import checkpoint
from msemu.rl.flow.guidance import explained_variance
from msemu.rl.off_policy.crossq import CrossQ
from msemu.rl.run_folder import RunFolder

MEASURES = {
    "joint_angle_error_deg": "joint angle [deg]",
    "root_rotation_error_deg": "pelvis rotation [deg]",
    "body_position_error_cm": "body position [cm]",
    "root_translation_error_cm": "pelvis translation [cm]",
    "survival_time_s": "time before a failure [s]",
    "survival": "episodes without one [-]",
    "explained_variance": "explained variance of held-out returns [-]",
    "training_min": "training [min]",
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
    compared = parser.add_mutually_exclusive_group()
    compared.add_argument("--agents", nargs="+", default=["ppo", "add"], help="names of cfg/agent, or YAML files")
    compared.add_argument("--conditions", type=Path, help="YAML file, see above")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--iterations", type=int, default=400)
    length.add_argument("--steps", type=int, help="control steps of all environments, in place of iterations")
    parser.add_argument("--init", type=Path, help="run folder whose policy all begin with (msemu-distill)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs and of the results")
    args, options = parser.parse_known_args()
    if unknown := [word for word in options if "=" not in word]:
        parser.error(f"unknown: {' '.join(unknown)}; options of msemu-train are given as --name=value")
    if args.init:
        options.append(f"--init={args.init}")
    if args.conditions:
        conditions = yaml.safe_load(args.conditions.read_text(encoding="utf-8"))
    else:
        conditions = {Path(agent).stem: {"agent": agent} for agent in args.agents}
    runs: dict[str, list[Path]] = {name: [] for name in conditions}
    for seed in args.seeds:
        for name, chosen in conditions.items():
            further = [*words(chosen), *options]
            runs[name].append(trained(args.task, name, seed, args.iterations, args.steps, args.out, further))
            figures(runs[name][-1])
    table = tabulate({name: [figures(folder) for folder in found] for name, found in runs.items()})
    (args.out / "comparison.md").write_text(table, encoding="utf-8")
    print(table)
    plot(runs, args.out)


def trained(
    task: str, condition: str, seed: int, iterations: int, steps: int | None, out: Path, further: Sequence[str]
) -> Path:
    """Folder of the complete run of one condition and seed; it is trained when there is none."""
    if steps:
        cfg = parse(task, further)
        iterations = max(1, round(steps / (cfg.num_envs * cfg.agent.num_steps_per_env)))
    name = f"{condition}_seed{seed}_{iterations}"

    def complete() -> list[Path]:
        found = sorted(path.parent for path in (out / task).glob(f"*/model_{iterations - 1}.pt"))
        return [folder for folder in found if folder.name.split("_", 2)[2] == name]  # after the date and the time

    if not complete():
        options = {"seed": seed, "iterations": iterations, "runs-dir": out, "run-name": name}
        run("train", task, *words(options), *further)
    return complete()[-1]


def figures(folder: Path) -> dict[str, float]:
    """Errors of the last checkpoint of a run, how well its critic knows what comes, and how long it was trained."""
    path = folder / "last.json"
    if not path.is_file():
        run("eval", str(folder), "--checkpoint", "last", "--json", str(path))
        found = json.loads(path.read_text(encoding="utf-8"))
        found |= {"explained_variance": held_out(folder), "training_min": training_min(folder)}
        path.write_text(json.dumps(found), encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def training_min(folder: Path) -> float | None:
    """How long a run was trained [min]; the first iteration, before which nothing is noted, counts as their mean."""
    minutes, timed = curve(folder, "Error/joint_angle_deg")[1][-1], RunFolder.open(folder).next_iteration() - 1
    return minutes * (timed + 1) / timed if timed else None


def held_out(folder: Path, num_envs: int = 16, seconds: float = 16.0) -> float | None:
    """Explained variance of the returns of new episodes by the critic of the last checkpoint; see above."""
    run = RunFolder.open(folder)
    if "discriminator" in run.load_config().agent.algorithm:
        return None
    env, runner = open_policy(run, run.checkpoint("last"), num_envs, "cpu", seed=1000)
    state = checkpoint.read(run.checkpoint("last"), "cpu")
    runner.alg.load(state, {"actor": True, "critic": True}, strict=True)
    gamma = run.load_config().agent.algorithm["gamma"]
    seen, predicted, rewards, goes_on = env.get_observations(), [], [], []
    with torch.inference_mode():
        for _ in range(round(seconds * env.cfg.env.control_frequency_hz)):
            actions = runner.alg.get_policy()(seen, stochastic_output=True)[:, -env.num_actions :]
            predicted.append(_value(runner.alg, seen, actions, gamma))
            seen, reward, dones, _ = env.step(actions)
            rewards.append(reward)
            goes_on.append(1.0 - dones)
    return explained_variance(*returns(torch.stack(predicted), torch.stack(rewards), torch.stack(goes_on), gamma))


def _value(algorithm: Any, seen: TensorDict, actions: torch.Tensor, gamma: float) -> torch.Tensor:
    """Return what a critic thinks of a step, in the unit of returns, shape [E]."""
    if isinstance(algorithm, CrossQ):
        return algorithm.critic.at(algorithm.critic.columns(seen))(actions).squeeze(1)
    return algorithm.critic(seen).squeeze(1) / (1.0 - gamma)


def returns(
    predicted: torch.Tensor, rewards: torch.Tensor, goes_on: torch.Tensor, gamma: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Predictions, and discounted returns up to the end of the episode, of steps whose return is known; [T, E] each.

    The return of a step is known when less than a twentieth of it could lie beyond what was recorded.
    """
    total, found = torch.zeros_like(rewards[0]), []
    for reward, lasts in zip(rewards.flip(0), goes_on.flip(0), strict=True):
        total = reward + gamma * lasts * total
        found.append(total)
    known = max(1, len(rewards) - math.ceil(math.log(0.05) / math.log(gamma)))
    return predicted[:known], torch.stack(found[::-1])[:known]


def tabulate(results: dict[str, list[dict[str, float]]]) -> str:
    """Mean and range of every measure by agent, as Markdown."""
    lines = ["| measure | " + " | ".join(results) + " |", "|---" * (len(results) + 1) + "|"]
    for key, label in MEASURES.items():
        cells = []
        for found in results.values():
            values = [figure[key] for figure in found if figure.get(key) is not None]
            cells.append(f"{np.mean(values):.2f} ({min(values):.2f} to {max(values):.2f})" if values else "-")
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def plot(runs: dict[str, list[Path]], out: Path) -> None:
    """Every curve over control steps and over time: the mean over the seeds, and their range."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    for place, (name, label) in enumerate({"steps": "control steps", "time": "minutes of training"}.items()):
        figure, axes = plt.subplots(2, 3, figsize=(12, 6), constrained_layout=True)
        for axis, (tag, quantity) in zip(axes.flat, CURVES.items(), strict=True):
            for condition, found in runs.items():
                curves = [curve(folder, tag) for folder in found]
                # A curve may begin some iterations late (episode lengths do).
                shared = min(len(values) for *_, values in curves)
                along = np.mean([one[place][-shared:] for one in curves], axis=0)
                values = np.stack([values[-shared:] for *_, values in curves])
                (line,) = axis.plot(along, values.mean(0), label=condition)
                axis.fill_between(along, values.min(0), values.max(0), color=line.get_color(), alpha=0.2, linewidth=0)
            axis.set(xlabel=label, ylabel=quantity, ylim=(0, None))
        axes.flat[0].legend()
        figure.savefig(out / f"comparison_{name}.png", dpi=120)
        plt.close(figure)


def curve(folder: Path, tag: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Control steps, minutes since the first iteration ended, and values of one TensorBoard curve."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    cfg = RunFolder.open(folder).load_config()
    written = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    begin = min(event.wall_time for event in written.Scalars("Error/joint_angle_deg"))
    events = written.Scalars(tag)
    steps = np.array([(event.step + 1) * cfg.num_envs * cfg.agent.num_steps_per_env for event in events])
    minutes = np.array([(event.wall_time - begin) / 60.0 for event in events])
    return steps, minutes, np.array([event.value for event in events])


if __name__ == "__main__":
    main()
