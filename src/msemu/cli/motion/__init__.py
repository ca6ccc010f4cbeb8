"""``msemu-motion``: fetch, import, inspect, show, check, repair and export motion clips."""

import tyro

from msemu.cli.motion.check import MotionCheck, MotionRepair, check_motion, repair_motion
from msemu.cli.motion.export import Export, export
from msemu.cli.motion.fetch import Fetch, fetch
from msemu.cli.motion.import_clip import Import, import_motion
from msemu.cli.motion.prepare import Prepare, prepare
from msemu.cli.motion.show import Info, Play, info, play
from msemu.errors import command


@command
def main() -> None:
    """Entry point."""
    commands = {
        "fetch": (Fetch, fetch),
        "import": (Import, import_motion),
        "prepare": (Prepare, prepare),
        "info": (Info, info),
        "play": (Play, play),
        "check": (MotionCheck, check_motion),
        "repair": (MotionRepair, repair_motion),
        "export": (Export, export),
    }
    chosen = tyro.extras.subcommand_cli_from_dict(
        {name: kind for name, (kind, _) in commands.items()}, prog="msemu-motion"
    )
    next(run for kind, run in commands.values() if isinstance(chosen, kind))(chosen)


if __name__ == "__main__":
    main()
