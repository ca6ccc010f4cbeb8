"""``msemu-analyze export``: a movement with its muscles and forces for other programs."""

from rich.console import Console

from msemu.analysis.mechanics.export.formats import EXPORTERS, check_format
from msemu.cli.analyze.mechanics_options import ExportCfg
from msemu.cli.analyze.source import find_movement
from msemu.console import make_folders, write_json


def export(args: ExportCfg) -> None:
    """Write the files of a format into a folder."""
    check_format(args.format)
    make_folders(args.out)
    movement = find_movement(args)
    written = EXPORTERS[args.format](movement, args.out, f".{args.format}")
    names = ", ".join(path.name for path in written)
    Console().print(f"{len(written)} files in {args.out}: {names}", soft_wrap=True)
    if args.json:
        about = {
            "title": movement.title,
            "body": movement.body.name,
            "format": args.format,
            "folder": str(args.out),
            "frames": movement.num_frames,
            "fps": movement.fps,
            "provenance": movement.provenance,
        }
        files = [{"file": path.name, "columns": columns} for path, columns in written.items()]
        write_json(args.json, about | {"files": files})
