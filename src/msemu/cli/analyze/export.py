"""``msemu-analyze export``: a movement with its muscles and forces for other programs."""

from rich.console import Console

from msemu.analysis.mechanics.export.formats import EXPORTERS
from msemu.cli.analyze.mechanics_options import ExportCfg
from msemu.cli.analyze.source import find_movement
from msemu.console import make_folders


def export(args: ExportCfg) -> None:
    """Write the files of a format into a folder."""
    make_folders(args.out)
    paths = EXPORTERS[args.format](find_movement(args), args.out, f".{args.format}")
    Console().print(f"{len(paths)} files in {args.out}: {', '.join(path.name for path in paths)}", soft_wrap=True)
