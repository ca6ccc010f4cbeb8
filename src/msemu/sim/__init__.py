"""Physics: one interface, one engine for each kind of machine."""

import copy

import mujoco

from msemu.config import SimCfg
from msemu.errors import MsemuError
from msemu.muscle.settings import load_muscle_cfg
from msemu.sim.cpu import CpuSimulation
from msemu.sim.simulation import Simulation
from msemu.sim.threads import single_threaded

__all__ = ["CpuSimulation", "Simulation", "make_simulation", "single_threaded"]


ENGINE_MUSCLE = "mujoco"
"""The muscle that the engine brings itself."""


def make_simulation(model: mujoco.MjModel, num_envs: int, cfg: SimCfg, seed: int = 0) -> Simulation:
    """Make the engine that the configuration asks for, on a copy of ``model``.

    Args:
        model: A model whose root is a free joint and whose actuators are muscles.
        num_envs: Number of environments.
        cfg: Device, time step, muscle.
        seed: Seed of the muscles' random options.

    Raises:
        MsemuError: There is no such engine.
    """
    model = copy.copy(model)
    model.opt.timestep = cfg.timestep_s
    if cfg.device == "cpu":
        if cfg.muscle == ENGINE_MUSCLE:
            return CpuSimulation(model, num_envs, cfg.num_threads, cfg.max_joint_speed)
        from msemu.sim.force_driven import ForceDrivenSimulation

        muscle = load_muscle_cfg(cfg.muscle)
        return ForceDrivenSimulation(model, num_envs, muscle, cfg.num_threads, cfg.max_joint_speed, seed)
    raise MsemuError(f"no physics engine for '{cfg.device}' in this release; use --sim.device cpu")
