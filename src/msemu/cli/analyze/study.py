"""``msemu-study solutions``: the atlas of the muscle solutions of one movement."""

from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from msemu.analysis.study.atlas import BASE, Atlas, Tolerances
from msemu.analysis.study.determined import determined
from msemu.analysis.study.page import render
from msemu.analysis.study.perturbations import Perturbation, perturb, standard
from msemu.analysis.study.solutions import Subject, explore, random_preferences
from msemu.analysis.study.synergies import synergies_of
from msemu.analysis.study.tables import figures_of
from msemu.cli.analyze.study_options import SolutionsCfg
from msemu.config import cfg_names, load_named
from msemu.console import make_folders, progress, write_json
from msemu.errors import require_once
from msemu.files import write_arrays, write_text
from msemu.models.body import Body
from msemu.rl.assemble import open_policy
from msemu.rl.pretrained import find_run
from msemu.rl.provenance import git_state, versions
from msemu.rl.run_folder import RunFolder
from msemu.schema import PreferenceCfg, TrainCfg

_PERTURBED_S = 5.0
"""Length of a perturbed episode [s]."""


def study_solutions(args: SolutionsCfg) -> None:
    """Explore, perturb, print the figures and write the atlas."""
    run = find_run(args.run, Path(args.runs_dir), args.pretrained)
    folder = args.out or Path("study") / run.task
    require_once("the preference", args.names)
    named = {name: load_named(PreferenceCfg, name) for name in args.names or _settled_names()}
    make_folders(folder)
    checkpoint = run.checkpoint(args.checkpoint)
    subject = _subject(args, run, checkpoint, args.batch, args.seconds)
    randoms = islice(random_preferences(args.weight_spread, args.tone_spread, args.seed), args.randoms)
    tolerances = Tolerances(args.angle_deg, args.ground_bw, args.survival)
    with progress("exploring", transient=True) as on_step:
        atlas, preferences = explore(subject, named, randoms, tolerances, args.minutes, on_step)
    muscles = subject.env.body.muscle_names
    figures = figures_of(atlas) | {
        "determined": determined(atlas, muscles),
        "synergies": synergies_of(atlas, _told_apart(atlas), muscles),
        "perturbations": [],
    }
    _write(args, run, checkpoint, folder, subject, atlas, figures, preferences)
    if args.perturbed:
        figures["perturbations"] = _perturbed(args, run, checkpoint, atlas, preferences)
        _write(args, run, checkpoint, folder, subject, atlas, figures, preferences)
    console = Console()
    console.print(_table(run.task, figures))
    console.print(f"atlas: {folder / 'atlas.html'}", soft_wrap=True)


def _write(
    args: SolutionsCfg,
    run: RunFolder,
    checkpoint: Path,
    folder: Path,
    subject: Subject,
    atlas: Atlas,
    figures: dict[str, Any],
    preferences: dict[str, PreferenceCfg],
) -> None:
    """Write the atlas as it is so far."""
    body, provenance = subject.env.body, _provenance(args, run, checkpoint, subject.env.body)
    joints = [body.joint_names[joint] for joint in body.independent_joints]
    settings = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(args).items()}
    about = {"task": run.task, "settings": settings, "provenance": provenance}
    everything = about | figures | {"preferences": {name: asdict(each) for name, each in preferences.items()}}
    for path in filter(None, (folder / "atlas.json", args.json)):
        write_json(path, everything)
    write_arrays(folder / "atlas.npz", _arrays(atlas, body, joints))
    page = render(f"Solutions of {run.task}", atlas, figures, joints, body.muscle_names, provenance)
    write_text(folder / "atlas.html", page)


def _settled_names() -> list[str]:
    """Return the named preferences that draw nothing and are not the base."""
    found = {name: load_named(PreferenceCfg, name) for name in cfg_names("preference")}
    is_drawn = {name: each.weight_spread > 1.0 or each.tone_spread > 0.0 for name, each in found.items()}
    return [name for name, each in found.items() if not is_drawn[name] and each != PreferenceCfg()]


def _subject(
    args: SolutionsCfg,
    run: RunFolder,
    checkpoint: Path,
    room: int,
    seconds: float,
    perturbation: Perturbation | None = None,
) -> Subject:
    def alter(cfg: TrainCfg, body: Body) -> Body:
        if perturbation is None:
            return body
        cfg.sim = replace(cfg.sim, randomization=replace(cfg.sim.randomization, **_factors(perturbation)))
        turn = np.radians(perturbation.slope_deg)
        weight = np.linalg.norm(body.model.opt.gravity)
        return body.under(-weight * np.array([np.sin(turn), 0.0, np.cos(turn)]))

    env, runner = open_policy(run, checkpoint, room * args.starts, "cpu", args.seed, alter=alter)
    return Subject.of(env, runner.policy(), args.starts, seconds)


def _factors(perturbation: Perturbation) -> dict[str, tuple[float, float]]:
    return {"mass": (perturbation.mass,) * 2, "friction": (perturbation.friction,) * 2}


def _told_apart(atlas: Atlas) -> np.ndarray:
    """Return the kept solutions that have a name, and the base."""
    places = [place for place in atlas.kept if not atlas.names[place].startswith("random")]
    return np.array(sorted({0, *places}), dtype=int)


def _perturbed(
    args: SolutionsCfg, run: RunFolder, checkpoint: Path, atlas: Atlas, preferences: dict[str, PreferenceCfg]
) -> list[dict[str, Any]]:
    chosen = dict.fromkeys((BASE, *(atlas.names[place] for place in atlas.distinct)))
    some = {name: preferences[name] for name in islice(chosen, args.perturbed)}
    subject = _subject(args, run, checkpoint, len(some), _PERTURBED_S)
    body = subject.env.body
    force = body.model.actuator_gainprm[:, 2] * atlas.courses.activation[0].mean(0)
    perturbations = standard(body.muscle_names[int(force.argmax())])

    def subject_for(perturbation: Perturbation) -> Subject:
        return (
            _subject(args, run, checkpoint, len(some), _PERTURBED_S, perturbation)
            if perturbation.is_of_world
            else subject
        )

    with progress("perturbing", transient=True) as on_done:
        return perturb(some, perturbations, subject_for, args.seed, on_done)


def _arrays(atlas: Atlas, body: Body, joints: list[str]) -> dict[str, Any]:
    return {
        "names": np.array(atlas.names),
        "muscle_names": np.array(body.muscle_names),
        "joint_names": np.array(joints),
        "body": np.array(body.name),
        "kept": atlas.kept,
        "distinct": atlas.distinct,
        "matrix": atlas.matrix,
        "spread_over_solutions": atlas.specificity(),
        **vars(atlas.courses),
    }


def _provenance(args: SolutionsCfg, run: RunFolder, checkpoint: Path, body: Body) -> dict[str, str]:
    about = {
        "run": run.task,
        "checkpoint": checkpoint.name,
        "body": f"{body.name}, {body.mass:.1f} kg, {body.num_muscles} muscles",
        "seed": args.seed,
        "msemu": git_state(),
        **versions(),
    }
    return {name: str(value) for name, value in about.items()}


def _table(title: str, figures: dict[str, Any]) -> Table:
    table = Table("", "value", title=f"Solutions of {title}")
    for name, value in figures.items():
        if isinstance(value, (int, float)):
            shown = f"{value:.3f}" if isinstance(value, float) else str(value)
            table.add_row(name.replace("_", " "), shown)
    return table
