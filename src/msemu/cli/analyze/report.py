"""``msemu-report``: one page about one or more movements."""

import shlex
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from msemu.analysis.mechanics.measured import Measured
from msemu.analysis.report.page import Subject, render
from msemu.cli.analyze.mechanics_options import MovementCfg, ReportCfg
from msemu.cli.analyze.source import find_movement
from msemu.console import write_json
from msemu.errors import MsemuError
from msemu.files import write_text
from msemu.rl.provenance import git_state, versions

_LABELS = {"time_step_s": "time step [s]"}


def report(args: ReportCfg) -> None:
    """Write the page."""
    if not args.sources:
        raise MsemuError("name a run, a rollout or a clip: msemu-report SOURCE ...")
    subjects = [_subject(args, source) for source in args.sources]
    write_text(args.out, render(subjects))
    if args.json:
        write_json(args.json, {"page": str(args.out), "movements": [_figures(subject) for subject in subjects]})
    Console().print(f"report: {args.out}", soft_wrap=True)


def _subject(args: ReportCfg, source: str) -> Subject:
    options = MovementCfg(
        source, body=args.body, body_path=args.body_path, pretrained=args.pretrained, seconds=args.seconds
    )
    movement = find_movement(options)
    provenance = {
        "what": movement.title,
        **{_LABELS.get(name, name.replace("_", " ")): value for name, value in movement.provenance.items()},
        "body": f"{movement.body.name}, {movement.body.mass:.1f} kg, {movement.body.num_muscles} muscles",
        "strength set": movement.body.strength_set,
        **{f"body: {name}": value for name, value in movement.body.provenance.items()},
        "frames": f"{movement.num_frames} at {movement.fps:g} Hz",
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "commit": git_state() or "an installed release",
        **versions(),
    }
    return Subject(Path(source).stem, Measured.of(movement), {name: str(value) for name, value in provenance.items()})


def _figures(subject: Subject) -> dict[str, Any]:
    return subject.measured.figures() | {
        "name": subject.name,
        "provenance": subject.provenance,
        "tracking_error_deg": subject.tracking_error_deg,
    }
