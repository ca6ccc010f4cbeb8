"""``msemu-report``: one page about one or more movements."""

from pathlib import Path

from rich.console import Console

from msemu.analysis.report.page import Subject, render
from msemu.cli.analyze.mechanics_options import MovementCfg, ReportCfg
from msemu.cli.analyze.source import find_movement
from msemu.errors import MsemuError
from msemu.files import write_text
from msemu.rl.provenance import git_state, versions


def report(args: ReportCfg) -> None:
    """Write the page."""
    if not args.sources:
        raise MsemuError("name a run, a rollout or a clip: msemu-report SOURCE ...")
    page = render([_subject(args, source) for source in args.sources])
    write_text(args.out, page)
    Console().print(f"report: {args.out}", soft_wrap=True)


def _subject(args: ReportCfg, source: str) -> Subject:
    options = MovementCfg(
        source, body=args.body, body_path=args.body_path, pretrained=args.pretrained, seconds=args.seconds
    )
    movement = find_movement(options)
    provenance = {
        "what": movement.title,
        "body": f"{movement.body.name}, {movement.body.mass:.1f} kg, {movement.body.num_muscles} muscles",
        "strength set": movement.body.strength_set,
        **movement.body.provenance,
        "frames": f"{movement.num_frames} at {movement.fps:g} Hz",
        "msemu": git_state(),
        **versions(),
    }
    return Subject(Path(source).stem, movement, {name: str(value) for name, value in provenance.items()})
