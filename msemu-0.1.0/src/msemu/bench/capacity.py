"""``msemu-bench capacity``: the capacity for contacts and constraints that a body needs in the warp engine."""

import math

import torch
from rich.console import Console

from msemu.bench.options import CapacityBenchCfg
from msemu.bench.timing import publish
from msemu.models import Body, load_body
from msemu.schema import Capacity, MuscleCfg
from msemu.sim import pick_device
from msemu.sim.warp_simulation import WarpSimulation

_GENEROUS = Capacity(contacts=400, constraints=1000)
_HOLD_S = 0.1
"""Each random excitation holds so long [s]."""
_DROP_HEIGHT_M = 1.2
"""Height of the pelvis at the start [m]."""


def bench_capacity(args: CapacityBenchCfg) -> None:
    """Measure, print and write the figures."""
    body = load_body(args.body, args.body_path)
    with Console().status(f"{args.num_envs} bodies fall for {args.seconds:g} s"):
        demand = measure_capacity(body, args.num_envs, args.seconds, pick_device(args.device))
    capacity = with_margin(demand, args.margin)
    publish(
        {"body": args.body, "demand": vars(demand), "capacity": vars(capacity)},
        args.json,
        f"at most {demand.contacts} contacts (mean over bodies) and {demand.constraints} constraints (one body)",
        f"capacity: {{contacts: {capacity.contacts}, constraints: {capacity.constraints}}}",
    )


def measure_capacity(body: Body, num_envs: int, seconds: float, device: str) -> Capacity:
    """Drop many bodies, turned at random, under random excitation, and count what they need at most.

    Lying on the floor with limbs folded is about the worst that happens in training. Pairs that are close enough to be
    examined take as much of it as contacts, and only the warp engine counts them.
    """
    sim = WarpSimulation(body.model, num_envs, MuscleCfg(), device, _GENEROUS)
    generator = torch.Generator().manual_seed(0)
    qpos = torch.tensor(body.neutral_qpos, dtype=torch.float32).repeat(num_envs, 1)
    qpos[:, 2] = _DROP_HEIGHT_M
    qpos[:, 3:7] = torch.nn.functional.normalize(torch.randn(num_envs, 4, generator=generator), dim=1)
    qvel = torch.zeros(num_envs, body.model.nv)
    everywhere = torch.ones(num_envs, dtype=torch.bool)
    act = torch.zeros(num_envs, body.num_muscles)
    sim.reset(*(tensor.to(sim.device) for tensor in (everywhere, qpos, qvel, act)))
    substeps = round(_HOLD_S / body.model.opt.timestep)
    for _ in range(math.ceil(seconds / _HOLD_S)):
        sim.step(torch.rand(num_envs, body.num_muscles, generator=generator).to(sim.device), substeps)
    return sim.demand


def with_margin(demand: Capacity, margin: float) -> Capacity:
    """Add a share to a demand and round up to multiples of eight."""
    return Capacity(*(8 * math.ceil((1 + margin) * number / 8) for number in (demand.contacts, demand.constraints)))
