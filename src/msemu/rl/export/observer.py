"""The observations of a policy as a module: from what MuJoCo's `MjData` holds after a step to the policy's input."""

from types import SimpleNamespace
from typing import Any, cast

import torch
from torch import nn

from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.envs.observations import Observations
from msemu.envs.readings import ObservationReader
from msemu.errors import MsemuError
from msemu.sim import Simulation
from msemu.sim.simulation import WRENCH, contact_sensors

FIELDS = (
    *("qpos", "qvel", "act", "xpos", "xquat", "cvel", "subtree_com"),
    *("actuator_length", "actuator_velocity", "actuator_force", "sensordata"),
)
"""Fields of `mujoco.MjData` that it takes, in this order; before them comes the number of the reference's frame."""
_NEEDS_MUSCLES = "fiber"
"""Group of observations that MuJoCo's muscle does not tell."""


class Observer(nn.Module):
    """Observations of one body, by msemu's own readers and terms on another program's arrays."""

    def __init__(self, env: MotionTrackingEnv, groups: list[str]):
        """Prepare the ``groups`` that the policy sees, in their order, in the environment's task.

        Raises:
            MsemuError: A group is not computed from an instant of MuJoCo's arrays alone.
        """
        super().__init__()
        cfgs = {name: env.cfg.env.observations[name] for name in groups}
        self._observe = Observations(cfgs, env.scene)
        own = [name for name, cfg in cfgs.items() if not cfg.function and name != _NEEDS_MUSCLES]
        if foreign := [name for name in groups if name not in own]:
            raise MsemuError(f"the observations '{', '.join(foreign)}' need msemu")
        self._groups = groups
        regions, self._contact = contact_sensors(env.body.model)
        self._arrays = SimpleNamespace(
            is_lean=False,
            device=torch.device("cpu"),
            num_envs=1,
            unstable=torch.zeros(1, dtype=torch.bool),
            read_muscles=lambda: None,
        )
        self._regions = len(regions)
        self._reader = ObservationReader(env.body, cast(Simulation, self._arrays))

    def forward(self, frame: torch.Tensor, *fields: torch.Tensor) -> torch.Tensor:
        """Observations, shape [1, O], at a frame of the reference, int64 of shape [1], of `FIELDS`, each [1, ...]."""
        given = dict(zip(FIELDS, fields, strict=True))
        contact = given["sensordata"][:, self._contact : self._contact + WRENCH * self._regions]
        arrays: dict[str, Any] = {name: given[name] for name in ("qpos", "qvel", "act")}
        arrays |= {"body_position": given["xpos"], "body_quaternion": given["xquat"], "body_velocity": given["cvel"]}
        arrays |= {"muscle_" + name: given["actuator_" + name] for name in ("length", "velocity", "force")}
        arrays |= {
            "center_of_mass": given["subtree_com"][:, 1],
            "contact_force": contact.unflatten(1, (-1, WRENCH))[..., :3],
        }
        vars(self._arrays).update(arrays)
        observed = self._observe.memoryless(self._reader.read(frame))
        return torch.cat([observed[name] for name in self._groups], dim=1)
