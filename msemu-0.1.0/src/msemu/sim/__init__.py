"""Physics: one interface, one engine for each kind of machine."""

import copy

import mujoco
import torch

from msemu.config import check
from msemu.errors import MsemuError
from msemu.muscle.levels import LEVELS
from msemu.muscle.overrides import configured_parameters
from msemu.schema import Capacity, MuscleCfg, SimCfg
from msemu.sim.cpu import CpuSimulation
from msemu.sim.device import pick_device
from msemu.sim.randomization import draw_variation
from msemu.sim.simulation import LeanModel, Simulation
from msemu.sim.threads import single_threaded

__all__ = ["CpuSimulation", "LeanModel", "Simulation", "make_simulation", "pick_device", "single_threaded"]

BUILT_IN_MUSCLE = MuscleCfg(level=next(name for name, level in LEVELS.items() if level.in_mujoco))
"""The muscle that the mujoco engine brings itself."""


def make_simulation(
    model: mujoco.MjModel,
    num_envs: int,
    cfg: SimCfg,
    seed: int = 0,
    capacity: Capacity | None = None,
    lean: LeanModel | None = None,
) -> Simulation:
    """Make the engine that the configuration asks for, on a copy of ``model``.

    The root of the model is a free joint, its actuators are muscles. ``seed`` is that of the muscles' random options
    and of the differences between environments. ``capacity`` suits the model, where the configuration leaves it open.
    With a ``lean`` model, that is what is simulated, `Simulation.is_lean`.

    Raises:
        MsemuError: There is no such engine or device, or the device cannot hold the environments.
    """
    check(cfg, "sim")
    device = pick_device(cfg.device)
    engine = cfg.engine
    if engine == "auto":
        engine = "warp" if torch.device(device).type == "cuda" else "mujoco"
    model = copy.copy(model)
    model.opt.timestep = cfg.timestep_s
    if lean:
        lean = lean._replace(model=copy.copy(lean.model))
        lean.model.opt.timestep = cfg.timestep_s
    variation = draw_variation(cfg.randomization, num_envs, seed)
    if engine == "warp":
        from msemu.sim.warp_simulation import WarpSimulation

        capacity = _capacity(cfg, capacity)
        return WarpSimulation(model, num_envs, cfg.muscle, device, capacity, cfg.max_joint_speed, seed, variation, lean)
    if device != "cpu":
        raise MsemuError(f"the mujoco engine does not run on {device}; use --sim.engine warp or --sim.device cpu")
    if lean:
        from msemu.sim.lean import LeanSimulation

        parameters = configured_parameters(model, cfg.muscle)
        options = cfg.muscle, cfg.num_threads, cfg.max_joint_speed, seed, variation
        return LeanSimulation(lean, parameters, num_envs, *options)
    if cfg.muscle == BUILT_IN_MUSCLE:
        return CpuSimulation(model, num_envs, cfg.num_threads, cfg.max_joint_speed, variation)
    from msemu.sim.force_driven import ForceDrivenSimulation

    return ForceDrivenSimulation(model, num_envs, cfg.muscle, cfg.num_threads, cfg.max_joint_speed, seed, variation)


def _capacity(cfg: SimCfg, capacity: Capacity | None) -> Capacity:
    contacts = cfg.contacts_per_env or (capacity.contacts if capacity else 0)
    constraints = cfg.constraints_per_env or (capacity.constraints if capacity else 0)
    if not (contacts and constraints):
        raise MsemuError(
            "this body names no capacity for the warp engine; measure it with msemu-bench capacity and set "
            "--sim.contacts-per-env and --sim.constraints-per-env"
        )
    return Capacity(contacts, constraints)
