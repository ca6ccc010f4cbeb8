#!/usr/bin/env python
"""Make the best policy of a run one that comes with msemu: ``msemu-play TASK --pretrained``.

    python tools/publish_policy.py runs/Msemu-Walk-MyoLegs-v0/2026-01-31_12-00-00_run

Copies what is needed to run it, without the optimiser, the clips and the paths of this machine.
"""

import argparse
import shutil
from pathlib import Path

import yaml

from msemu.config import read_yaml
from msemu.rl.pretrained import FOLDER
from msemu.rl.run_folder import RunFolder


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("--checkpoint", default="best", help="best, last, or the path of a checkpoint")
    args = parser.parse_args()
    run = RunFolder.open(args.run)
    folder = FOLDER / run.task
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run.checkpoint(args.checkpoint), folder / "best.pt")
    shutil.copyfile(run.path / "config.yaml", folder / "config.yaml")
    provenance = read_yaml(run.path / "provenance.yaml")
    provenance["command"] = " ".join([Path(provenance["command"][0]).name, *provenance["command"][1:]])
    (folder / "provenance.yaml").write_text(yaml.safe_dump(provenance, sort_keys=False), encoding="utf-8")
    print(folder)


if __name__ == "__main__":
    main()
