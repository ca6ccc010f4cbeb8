#!/usr/bin/env python
"""Make a policy one that comes with msemu: ``msemu-play TASK --pretrained``, of a variant ``TASK-VARIANT``.

python tools/publish_policy.py runs/Msemu-Walk-MyoLegs-v0/2026-01-31_12-00-00_run
python tools/publish_policy.py runs/Msemu-Walk-MyoLegs-v0/2026-01-31_13-00-00_distilled --variant native
"""

import argparse
from pathlib import Path

from msemu.rl.pretrained import publish
from msemu.rl.run_folder import RunFolder


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("--checkpoint", default="best", help="best, last, average, or the path of a checkpoint")
    parser.add_argument("--variant", default="", help="name of a policy beside the one of its task, such as native")
    args = parser.parse_args()
    print(publish(RunFolder.open(args.run), args.checkpoint, variant=args.variant))


if __name__ == "__main__":
    main()
