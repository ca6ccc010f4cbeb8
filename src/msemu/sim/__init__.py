"""Physics: one interface, one engine for each kind of machine."""

import copy

import mujoco

from msemu.config import SimCfg
from msemu.errors import MsemuError
from msemu.sim.cpu import CpuSimulation
from msemu.sim.simulation import Simulation
from msemu.sim.threads import single_threaded

__all__ = ["CpuSimulation", "Simulation", "make_simulation", "single_threaded"]


def make_simulation(model: mujoco.MjModel, num_envs: int, cfg: SimCfg) -> Simulation:
    """Make the engine that the configuration asks for, on a copy of ``model``.

    Raises:
        MsemuError: There is no such engine.
    """
    model = copy.copy(model)
    model.opt.timestep = cfg.timestep_s
    if cfg.device == "cpu":
        return CpuSimulation(model, num_envs, cfg.num_threads, cfg.max_joint_speed)
    raise MsemuError(f"no physics engine for '{cfg.device}' in this release; use --sim.device cpu")
