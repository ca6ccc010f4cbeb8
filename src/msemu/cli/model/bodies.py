"""``msemu-model list``, ``info`` and ``check``: which bodies there are, and what is wrong with them."""

import sys
from collections import Counter
from dataclasses import asdict
from typing import Any

import mujoco
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from msemu.cli.model.options import CheckCfg, InfoCfg, ListCfg
from msemu.console import SEVERITY_COLORS, write_json
from msemu.errors import MsemuError
from msemu.findings import Finding
from msemu.models import LANDMARKS, Body, list_bodies, load_body
from msemu.models.checks.body import check_body
from msemu.models.recipe import load_recipe
from msemu.models.sources import Source

_ROWS_PER_CHECK = 10


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
    counts = Counter(finding.severity for finding in findings)
    if args.json:
        summary = {f"num_{severity}s": counts[severity] for severity in SEVERITY_COLORS}
        write_json(args.json, {"body": args.body, **summary, "findings": [asdict(item) for item in findings]})
    console = Console()
    console.print(_findings_table(args.body, findings))
    console.print(f"{counts['error']} errors, {counts['warning']} warnings, {counts['note']} notes")
    if counts["error"]:
        sys.exit(1)


def describe(body: Body) -> dict[str, Any]:
    """Return the facts about a body that ``msemu-model info`` shows; lengths in m, masses in kg."""
    model = body.model
    data = mujoco.MjData(model)
    data.qpos = body.neutral_qpos
    mujoco.mj_kinematics(model, data)
    return {
        **body.provenance,
        "mass_kg": round(body.mass, 2),
        "timestep_s": model.opt.timestep,
        "nq": model.nq,
        "nv": model.nv,
        "joints": len(body.joint_names),
        "independent_joints": len(body.independent_joints),
        "muscles": body.num_muscles,
        "inert_muscles": len(body.inert_muscles),
        "strongest_muscle_n": round(float(model.actuator_gainprm[:, 2].max()), 1),
        "contact_geoms": {name: len(geoms) for name, geoms in body.contact_regions.items()},
        "neutral_landmarks_m": {
            name: (data.site(f"landmark/{name}").xpos.round(3) + 0.0).tolist() for name in LANDMARKS
        },
    }


def _findings_table(body: str, findings: list[Finding]) -> Table:
    """Show every error, and of warnings and notes the first of each check."""
    table = Table("", "check", "subject", "finding", title=f"Check of {body}")
    totals = Counter((item.severity, item.check) for item in findings)
    shown: Counter[tuple[str, str]] = Counter()
    for item in findings:
        key = (item.severity, item.check)
        shown[key] += 1
        if item.severity == "error" or shown[key] <= _ROWS_PER_CHECK:
            severity = f"[{SEVERITY_COLORS[item.severity]}]{item.severity}[/]"
            table.add_row(severity, item.check, item.subject, escape(item.message))
        elif shown[key] == totals[key]:
            rest = totals[key] - _ROWS_PER_CHECK
            table.add_row("", item.check, "...", f"and {rest} more: --json FILE lists all of them")
    return table
