"""``msemu-bench``: how fast it runs, as ratios measured in one run."""

import tyro

from msemu.cli.bench_capacity import CapacityBench, bench_capacity
from msemu.cli.bench_env import EnvBench, bench_env
from msemu.cli.bench_motion import MotionBench, bench_motion
from msemu.cli.bench_muscle import MuscleBench, bench_muscle
from msemu.cli.bench_prior import PriorBench, bench_prior
from msemu.cli.bench_so import StaticOptimizationBench, bench_so
from msemu.cli.bench_step import StepBench, bench_step
from msemu.cli.bench_train import TrainBench, bench_train
from msemu.errors import command

SUBCOMMANDS = {
    "capacity": (CapacityBench, bench_capacity),
    "env": (EnvBench, bench_env),
    "motion": (MotionBench, bench_motion),
    "muscle": (MuscleBench, bench_muscle),
    "prior": (PriorBench, bench_prior),
    "so": (StaticOptimizationBench, bench_so),
    "step": (StepBench, bench_step),
    "train": (TrainBench, bench_train),
}


@command
def main() -> None:
    """Entry point."""
    options = {name: kind for name, (kind, _) in SUBCOMMANDS.items()}
    args = tyro.extras.subcommand_cli_from_dict(options, prog="msemu-bench", description=__doc__)
    next(run for kind, run in SUBCOMMANDS.values() if isinstance(args, kind))(args)


if __name__ == "__main__":
    main()
