"""Run bodies for very many physics steps and count what goes wrong.

    python tools/soak.py --body myolegs --env-steps 2000000 [--engine mujoco] [--level elastic] [--json FILE]

Environments get random, zero and full excitation by turns, each for half a second. One that has blown up is counted and
put back to standing, as training does. Resident memory is noted at a tenth of the way and at the end.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from msemu.models import load_body
from msemu.models.simulated import simulate
from msemu.rl import provenance
from msemu.schema import LEVELS, MuscleCfg, SimCfg

SUBSTEPS, HOLD_STEPS = 10, 25
"""Physics steps of an environment step, and environment steps of one kind of excitation."""


def resident_mb() -> float:
    """Memory that the process holds [MB]."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def main() -> None:
    """Run, print and write the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--body", default="myolegs")
    parser.add_argument("--env-steps", type=int, default=100_000, help="of all environments together")
    parser.add_argument("--num-envs", type=int, default=64)
    parser.add_argument("--engine", default="mujoco", choices=["mujoco", "warp"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--level", default="mujoco", choices=LEVELS)
    parser.add_argument("--paths", default="exact", choices=["exact", "engine"])
    parser.add_argument("--timestep-s", type=float, default=0.002)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()

    body = load_body(args.body)
    muscle = MuscleCfg(level=args.level)
    cfg = SimCfg(device=args.device, engine=args.engine, muscle=muscle, paths=args.paths, timestep_s=args.timestep_s)
    sim = simulate(body, args.num_envs, cfg, args.seed)
    random = torch.Generator().manual_seed(args.seed)
    standing = torch.from_numpy(np.repeat(body.neutral_qpos[None], args.num_envs, axis=0)).to(sim.device)
    still = torch.zeros(args.num_envs, body.model.nv, device=sim.device)
    rest = torch.zeros(args.num_envs, body.num_muscles, device=sim.device)
    sim.reset(torch.ones(args.num_envs, dtype=torch.bool, device=sim.device), standing, still, rest)

    blown_up = not_finite = 0
    memory: dict[int, float] = {}
    steps, started = -(-args.env_steps // args.num_envs), time.monotonic()
    for step in range(steps):
        kind = step // HOLD_STEPS % 3
        excitation = (
            torch.rand(rest.shape, generator=random).to(sim.device) if kind == 0 else torch.full_like(rest, kind - 1)
        )
        sim.step(excitation, SUBSTEPS)
        bad = sim.unstable.clone()
        blown_up += int(bad.sum())
        good = ~bad
        for values in (sim.qpos, sim.qvel, sim.act, sim.muscle_force):
            not_finite += int((~torch.isfinite(values[good])).sum())
        # Bodies lie after a while: one in fifty stands up again.
        sim.reset(bad | (torch.rand(args.num_envs, generator=random).to(sim.device) < 0.02), standing, still, rest)
        if step in (steps // 10, steps - 1):
            memory[step] = resident_mb()
    figures = {
        **{key: value for key, value in vars(args).items() if key != "json"},
        "env_steps": steps * args.num_envs,
        "blown_up": blown_up,
        "not_finite": not_finite,
        "memory_mb": list(memory.values()),
        "seconds": time.monotonic() - started,
        "machine": provenance.machine(),
        "git": provenance.git_state(),
    }
    print(json.dumps(figures, indent=2))
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
