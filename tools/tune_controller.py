#!/usr/bin/env python
"""Find values of the muscle controller that serve several bodies and clips, by CMA-ES at an action of zero.

    python tools/tune_controller.py --subjects myolegs:walk myofullbody:walk myofullbody:jump --out tuned

Each candidate follows every clip from evenly spaced frames, as in ``msemu-bench prior``. It costs the share of the time
that is lost to failures and the errors until then, in the mean over the subjects. The best one and the mean of the last
generation are judged beside the values that the search began with on other starts, and the best of the three is
written: ``controller.yaml``, an action space, and ``controller.md``, what each clip gets from it and from the first.
What has been measured at the same commit is kept in ``measured.json``: the same command again goes on where it was
stopped. Where no episode lasts to its end there is nothing to choose by, and that is said instead.
"""

import argparse
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cma
import yaml

from msemu.bench.prior import PriorSubject
from msemu.config import to_dict
from msemu.errors import MsemuError, command
from msemu.files import read_text, write_text
from msemu.rl.provenance import git_state
from msemu.schema import ControllerCfg

SPACE = {
    "joints.natural_frequency_hz": (1.0, 5.0),
    "root_translation.natural_frequency_hz": (0.4, 2.5),
    "root_rotation.natural_frequency_hz": (0.8, 5.0),
    "reach": (0.5, 20.0),
    "smoothing_s": (0.015, 0.1),
    "ahead": (0.5, 3.0),
    "foot_placement.gain": (0.2, 2.0),
    "decoder.effort": (1e-4, 1e-2),
    "decoder.iterations": (8, 20),
    "decoder.contact.speed_m_s": (0.2, 4.0),
}
"""Least and greatest of each value that is tuned, whole numbers where these are; steps are factors."""
SPREAD = 0.08
"""Standard deviation of the first candidates, as a share of the ranges."""
BORDER = 0.02
"""Share of its range within which a value lies at its border."""
FINALISTS = "values that the search began with", "the best of the search", "the mean of its last generation"
JOINT_ERROR_DEG, ROOT_ERROR_DEG = 20.0, 40.0
"""Errors that cost as much as failing at once."""
COLUMNS = ("survival_time_s", "survival", "joint_angle_error_deg", "root_rotation_error_deg")

Figures = dict[str, Any]
Measure = Callable[[list[dict[str, Any]], str], list[Figures]]


@command
def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", nargs="+", required=True, metavar="BODY:MOTION")
    parser.add_argument("--episodes", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--generations", type=int, default=20)
    parser.add_argument("--population", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0, help="of the physics; 0 uses every core")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    subjects = {name: PriorSubject.named(name, args.threads) for name in args.subjects}

    def kept(episodes: int, start: int) -> Measure:
        measure = measuring(subjects, episodes, args.seconds, start, args.out)
        how = f"{episodes} x {args.seconds:g} s, start {start}, {git_state()}"
        return remembering(measure, args.out / "measured.json", how)

    measures = kept(args.episodes, 0), kept(2 * args.episodes + 1, 1)
    tune(args.subjects, measures, args.generations, args.population, args.seed, args.out)


def tune(
    subjects: Sequence[str], measures: tuple[Measure, Measure], generations: int, population: int, seed: int, out: Path
) -> None:
    """Search, and write what is found.

    The two measures, of the search and of the judgment, take values of the controller and a subject and return the
    figures of each.

    Raises:
        MsemuError: No episode lasts to its end with any of the values that are judged.
    """
    measure, judge = measures
    options = {"bounds": [0, 1], "popsize": population, "seed": seed, "verbose": -9}
    search = cma.CMAEvolutionStrategy(shares_of(to_dict(ControllerCfg())), SPREAD, options)
    first = best = values_of(search.x0)
    found = [measure([best], subject)[0] for subject in subjects]
    for generation in range(generations):
        points = search.ask()
        candidates = [values_of(point) for point in points]
        figures = list(zip(*(measure(candidates, subject) for subject in subjects), strict=True))
        costs = [mean_cost(each) for each in figures]
        search.tell(points, costs)
        index = min(range(len(costs)), key=costs.__getitem__)
        if costs[index] < mean_cost(found):
            best, found = candidates[index], list(figures[index])
        print(
            f"generation {generation + 1} of {generations}: {min(costs):.3f}, least {mean_cost(found):.3f}", flush=True
        )
    finalists = [first, best, values_of(search.result.xfavorite)]
    judged = list(zip(*(judge(finalists, subject) for subject in subjects), strict=True))
    chosen = min(range(len(finalists)), key=lambda index: mean_cost(judged[index]))
    everything = [each for figures in judged for each in figures]
    if not any(each["survival"] for each in everything):
        longest = max(everything, key=lambda each: each["survival_time_s"])
        raise MsemuError(
            "no episode of any subject lasts to its end, the longest mean time is"
            f" {longest['survival_time_s']:.2f} of {longest['episode_length_s']:.2f} s; use fewer --seconds"
        )
    print("best on other starts:", FINALISTS[chosen], *at_border(finalists[chosen]), sep="\n")
    write(out / "controller.yaml", finalists[chosen])
    write_text(out / "controller.md", table(subjects, judged[0], judged[chosen]))


def at_border(values: dict[str, Any]) -> tuple[str, ...]:
    """Name the values at a border of their range, beyond which better ones may lie."""
    shares = zip(SPACE, shares_of(values), strict=True)
    return tuple(f"{name} is at the border of its range" for name, share in shares if abs(share - 0.5) > 0.5 - BORDER)


def remembering(measure: Measure, path: Path, how: str) -> Measure:
    """Keep what is measured in a file, and do not measure it again."""
    known: dict[str, Figures] = json.loads(read_text(path)) if path.exists() else {}

    def look_up(candidates: list[dict[str, Any]], subject: str) -> list[Figures]:
        keys = [json.dumps([subject, how, values], sort_keys=True) for values in candidates]
        missing = {key: values for key, values in zip(keys, candidates, strict=True) if key not in known}
        if missing:
            known.update(zip(missing, measure(list(missing.values()), subject), strict=True))
            write_text(path, json.dumps(known, indent=1))
        return [known[key] for key in keys]

    return look_up


def measuring(subjects: Mapping[str, PriorSubject], episodes: int, seconds: float, start: int, out: Path) -> Measure:
    """Return what measures values of the controller on a subject, from a ``start`` of the solver."""

    def measure(candidates: list[dict[str, Any]], subject: str) -> list[Figures]:
        files = (str(write(out / "candidate.yaml", values)) for values in candidates)
        return [asdict(subjects[subject].measure(file, episodes, seconds, start)) for file in files]

    return measure


def mean_cost(figures: Sequence[Figures]) -> float:
    """Cost of a candidate over its subjects."""
    return sum(cost(each) for each in figures) / len(figures)


def cost(figures: Figures) -> float:
    """Share of the time that is lost, and the errors until then; one that no episode lasted for counts as failing."""
    lost = 1.0 - figures["survival_time_s"] / figures["episode_length_s"]
    scales = {"joint_angle_error_deg": JOINT_ERROR_DEG, "root_rotation_error_deg": ROOT_ERROR_DEG}
    return lost + sum(1.0 if figures[key] is None else figures[key] / scale for key, scale in scales.items())


def values_of(shares: Sequence[float]) -> dict[str, Any]:
    """Nested values of the controller at shares of the ranges in `SPACE`."""
    values: dict[str, Any] = {}
    for (name, (low, high)), share in zip(SPACE.items(), shares, strict=True):
        *groups, key = name.split(".")
        place = values
        for group in groups:
            place = place.setdefault(group, {})
        value = float(f"{low * (high / low) ** share:.3g}")
        place[key] = round(value) if isinstance(low, int) else value
    return values


def shares_of(values: dict[str, Any]) -> list[float]:
    """Shares of the ranges in `SPACE` at which some values lie."""
    shares = []
    for name, (low, high) in SPACE.items():
        value: Any = values
        for key in name.split("."):
            value = value[key]
        shares.append(min(max(math.log(value / low) / math.log(high / low), 0.0), 1.0))
    return shares


def write(path: Path, controller: dict[str, Any]) -> Path:
    """Write an action space."""
    write_text(path, yaml.safe_dump({"base": "action/joint.yaml", "controller": controller}))
    return path


def table(subjects: Sequence[str], before: Sequence[Figures], after: Sequence[Figures]) -> str:
    """Show what each subject gets before and after, as Markdown."""
    rows = ["| subject | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for subject, old, new in zip(subjects, before, after, strict=True):
        cells = (f"{show(old[key])} -> {show(new[key])}" for key in COLUMNS)
        rows.append(f"| {subject} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def show(figure: float | None) -> str:
    """Round a figure, or say that there is none."""
    return "none" if figure is None else f"{figure:.2f}"


if __name__ == "__main__":
    main()
