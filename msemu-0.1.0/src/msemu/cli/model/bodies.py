"""``msemu-model list``, ``info`` and ``check``: which bodies there are, and what is wrong with them."""

import sys
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from msemu.cli.model.options import CheckCfg, InfoCfg, ListCfg
from msemu.console import findings_table, write_json
from msemu.errors import MsemuError
from msemu.findings import count, summary
from msemu.models import LANDMARKS, Body, list_bodies, load_body
from msemu.models.anatomy.person import stature
from msemu.models.checks.body import check_body
from msemu.models.checks.time_step import TimeStepLimit
from msemu.models.poses import at_pose
from msemu.models.recipe import load_recipe
from msemu.models.sources import Source
from msemu.schema import LEVELS, MuscleCfg


def show_list(args: ListCfg) -> None:
    """List the bodies and say how to get those that are not installed."""
    table = Table("body", Column("installed", overflow="fold"), "description", title="Bodies")
    for name in list_bodies():
        recipe = load_recipe(name)
        table.add_row(f"[bold]{name}[/]", _state(recipe.source), escape(recipe.description))
    Console().print(table)


def _state(source: Source) -> str:
    """Say whether a model is installed, and if not how to get it."""
    try:
        found = source.locate()
    except MsemuError as error:
        return f"[yellow]no:[/] {escape(str(error))}"
    return f"[green]yes:[/] {escape(found.origin)}" if found else f"[yellow]no:[/] {escape(source.remedy)}"


def info(args: InfoCfg) -> None:
    """Describe a body."""
    facts = describe(load_body(args.body, args.body_path))
    if args.json:
        write_json(args.json, {"body": args.body, **facts})
    table = Table("", Column(overflow="fold"), show_header=False, title=args.body)
    for key, value in facts.items():
        if isinstance(value, dict):
            value = ", ".join(f"{name} {item}" for name, item in value.items())
        table.add_row(key.replace("_", " "), escape(str(value)))
    console = Console()
    console.print(load_recipe(args.body).description)
    console.print(table)


def check(args: CheckCfg) -> None:
    """Validate a body; leave with exit code 1 when it has errors."""
    findings = check_body(load_body(args.body, args.body_path))
    counts = count(findings)
    if args.json:
        numbers = {f"num_{severity}s": number for severity, number in counts.items()}
        write_json(args.json, {"body": args.body, **numbers, "findings": [finding.facts() for finding in findings]})
    console = Console()
    console.print(findings_table(f"Check of {args.body}", findings))
    console.print(summary(findings))
    if counts["error"]:
        sys.exit(1)


def describe(body: Body) -> dict[str, Any]:
    """Return the facts about a body that ``msemu-model info`` shows; lengths in m, masses in kg."""
    model = body.model
    data = at_pose(model, body.neutral_qpos)
    return {
        **body.provenance,
        "mass_kg": round(body.mass, 2),
        **({"stature_m": round(stature(body), 3)} if body.recipe and "vertex" in body.recipe.points else {}),
        "timestep_s": model.opt.timestep,
        "nq": model.nq,
        "nv": model.nv,
        "joints": len(body.joint_names),
        "independent_joints": len(body.independent_joints),
        "muscles": body.num_muscles,
        "inert_muscles": len(body.inert_muscles),
        **_time_steps(body),
        "strongest_muscle_n": round(float(model.actuator_gainprm[:, 2].max()), 1),
        "contact_geoms": {name: len(geoms) for name, geoms in body.contact_regions.items()},
        "neutral_landmarks_m": {
            name: (data.site(f"landmark/{name}").xpos.round(3) + 0.0).tolist() for name in LANDMARKS
        },
    }


def _time_steps(body: Body) -> dict[str, dict[str, float]]:
    """Return the longest physics steps [ms] without chatter and without a blow-up at full activation, by level."""
    limits = {level: TimeStepLimit.of(body, MuscleCfg(level=level)) for level in LEVELS}
    return {
        "smooth_timestep_ms": {level: round(1e3 * limit.smooth_s, 3) for level, limit in limits.items()},
        "longest_timestep_ms": {level: round(1e3 * limit.longest_s, 1) for level, limit in limits.items()},
    }
