"""Run bodies for very many environment steps and count what goes wrong.

    python tools/soak.py --body myolegs --env-steps 2000000 [--engine mujoco] [--level elastic] [--json FILE]

Environments get random, zero and full excitation by turns, each for half a second. One that blows up is counted and put
back to standing, as training does, and so is one in fifty after each step. An environment step is 20 ms. Figures are
printed and written at each tenth of the way and at the end. The exit code is 1 if a value is not finite that should be.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from msemu.models import Body, load_body
from msemu.models.simulated import simulate
from msemu.muscle.levels import LEVELS
from msemu.rl import provenance
from msemu.schema import MuscleCfg, SimCfg
from msemu.sim import Simulation

CONTROL_STEP_S, HOLD_STEPS, KINDS = 0.02, 25, ("random", "zero", "full")
"""Time of an environment step, number of them with one kind of excitation, and the kinds."""
WATCHED = (
    *("qpos", "qvel", "act", "muscle_length", "muscle_velocity", "muscle_force"),
    *("body_position", "body_velocity", "contact_force"),
)


def main() -> int:
    """Run, print and write the counts."""
    args = parse()
    body = load_body(args.body)
    cfg = SimCfg(
        device=args.device,
        engine=args.engine,
        muscle=MuscleCfg(level=args.level),
        paths=args.paths,
        timestep_s=args.timestep_s,
        num_threads=args.num_threads,
    )
    soak = Soak(body, simulate(body, args.num_envs, cfg, args.seed), args.seed)
    about = {key: value for key, value in vars(args).items() if key != "json"}
    about |= {"machine": provenance.machine(), "git": provenance.git_state()}
    steps, started = -(-args.env_steps // args.num_envs), time.monotonic()
    reports = {-(-steps * tenth // 10) for tenth in range(1, 10)}
    for step in range(1, steps + 1):
        soak.step(step, max(1, round(CONTROL_STEP_S / args.timestep_s)))
        seconds = time.monotonic() - started
        is_last = step == steps or seconds > 60.0 * args.minutes
        if step in reports or is_last:
            figures = {"env_steps_done": step * args.num_envs, "seconds": seconds}
            report(about | figures | soak.figures(), args.json)
        if is_last:
            break
    return int(soak.not_finite > 0)


class Soak:
    """A simulation under excitations of all kinds, and what has gone wrong with it.

    Attributes:
        blown_up: Blow-ups under each kind of excitation.
        not_finite: Values that are not finite though their environment has not blown up, or has been reset.
        fastest: Highest speed of a degree of freedom that did not count as a blow-up [rad/s or m/s].
        memory_mb: Resident memory at each report.
    """

    def __init__(self, body: Body, sim: Simulation, seed: int):
        self.sim, self.random = sim, torch.Generator().manual_seed(seed)
        self.standing = torch.from_numpy(np.repeat(body.neutral_qpos[None], sim.num_envs, axis=0)).to(sim.device)
        self.still, self.rest = torch.zeros_like(sim.qvel), torch.zeros_like(sim.act)
        self.blown_up, self.not_finite, self.fastest = dict.fromkeys(KINDS, 0), 0, 0.0
        self.memory_mb: list[float] = []
        self.reset(torch.ones(sim.num_envs, dtype=torch.bool, device=sim.device))

    def step(self, number: int, substeps: int) -> None:
        """Do an environment step and count."""
        sim, kind = self.sim, KINDS[number // HOLD_STEPS % len(KINDS)]
        uniform = torch.rand(self.rest.shape, generator=self.random).to(sim.device)
        sim.step({"random": uniform, "zero": 0.0 * uniform, "full": torch.ones_like(uniform)}[kind], substeps)
        bad = sim.unstable.clone()
        self.blown_up[kind] += int(bad.sum())
        self.count(~bad)
        self.fastest = max(self.fastest, float(sim.qvel.abs().amax(1).masked_fill(bad, 0.0).max()))
        # Bodies lie after a while: one in fifty stands up again.
        self.reset(bad | (torch.rand(sim.num_envs, generator=self.random).to(sim.device) < 0.02))
        self.count(bad)

    def reset(self, mask: torch.Tensor) -> None:
        """Let some bodies stand."""
        self.sim.reset(mask, self.standing, self.still, self.rest)

    def count(self, mask: torch.Tensor) -> None:
        """Count the values of some environments that are not finite."""
        self.not_finite += sum(int((~torch.isfinite(getattr(self.sim, name)[mask])).sum()) for name in WATCHED)

    def figures(self) -> dict[str, Any]:
        """Return the counts so far; memory is looked at."""
        self.memory_mb.append(resident_mb())
        return {
            "blown_up": self.blown_up,
            "not_finite": self.not_finite,
            "fastest": self.fastest,
            "overflow": self.sim.overflow(),
            "memory_mb": self.memory_mb,
            "memory_growth_mb": self.memory_mb[-1] - self.memory_mb[0],
        }


def resident_mb() -> float:
    """Memory that the process holds [MB]."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize() / 2**20


def report(figures: dict[str, Any], file: Path | None) -> None:
    """Print figures and write them."""
    text = json.dumps(figures, indent=2)
    print(text, flush=True)
    if file:
        file.write_text(text + "\n", encoding="utf-8")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--body", default="myolegs")
    parser.add_argument("--env-steps", type=int, default=100_000, help="of all environments together")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--num-envs", type=int, default=64)
    parser.add_argument("--num-threads", type=int, default=0, help="0: every core")
    parser.add_argument("--engine", default="mujoco", choices=["mujoco", "warp"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--level", default="mujoco", choices=list(LEVELS))
    parser.add_argument("--paths", default="exact", choices=["exact", "engine"])
    parser.add_argument("--timestep-s", type=float, default=0.002)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
