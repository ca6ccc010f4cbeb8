"""``msemu-export``: a policy for programs without msemu."""

from pathlib import Path

from rich.console import Console

from msemu.cli.options import ExportPolicyCfg
from msemu.rl.assemble import open_policy
from msemu.rl.export.write import export, require_native
from msemu.rl.pretrained import find_run


def export_policy(args: ExportPolicyCfg) -> None:
    """Write the files and say where they are."""
    run = find_run(args.run, Path(args.runs_dir), args.pretrained)
    require_native(run, run.load_config().env.action)  # before clips and body are loaded
    env, runner = open_policy(run, run.checkpoint(args.checkpoint), 1, "cpu", seed=1)
    files, left_out = export(run, env, runner, args.format, args.out or Path("export") / run.task)
    console = Console()
    for file in files:
        console.print(f"{file.stem}: {file}", soft_wrap=True)
    if left_out:
        Console(stderr=True).print(f"note: {left_out}", soft_wrap=True, highlight=False)
