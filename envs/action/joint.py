"""Joint targets as actions: a muscle controller follows the reference, the policy says where its joints should be."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

import torch

from msemu.control.independent_dofs import ROOT_DOFS
from msemu.control.tracking.controller import TrackingController
from msemu.envs.action.preferring import Preferring
from msemu.envs.action.space import ActionSpace, Scene
from msemu.errors import MsemuError, suggestion
from msemu.schema import ControllerCfg, JointCfg
from msemu.sim import CpuSimulation


class JointSpace(ActionSpace):
    """One action for each joint that is led; an action of zero is the model-based controller of the reference.

    Attributes:
        controller: That controller.
        preferring: What the muscles of each body prefer.
    """

    Cfg = JointCfg

    def __init__(self, cfg: JointCfg, scene: Scene):
        self._offset = cfg.offset_rad
        self._is_acceleration_missed = cfg.controller.decoder.objective == "acceleration"
        self._scene = scene
        self.controller = make_controller(cfg.controller, scene)
        self.preferring = Preferring(cfg.preference, scene, self.controller)
        names = self.controller.dofs.names[ROOT_DOFS:]
        self._led = torch.tensor([names.index(name) for name in matching(cfg.led or ["*"], names)])
        self.num_actions = len(self._led)
        self.decodings = cfg.controller.decodings
        self._log: dict[str, torch.Tensor] = {}

    def excitation(self, actions: torch.Tensor, frame: torch.Tensor, steps: int) -> torch.Tensor:  # noqa: D102
        return self.renewed(actions, frame, steps, 0.0)

    def renewed(self, actions: torch.Tensor, frame: torch.Tensor, steps: int, passed: float) -> torch.Tensor:  # noqa: D102
        offset = torch.zeros(len(actions), len(self.controller.dofs) - ROOT_DOFS, dtype=torch.float64)
        offset[:, self._led] = self._offset * torch.tanh(actions).double()
        decoded = self.controller.decode(frame, offset, passed=passed)
        missing = (decoded.residual / self.controller.decoder.scale)[:, ROOT_DOFS:].abs().mean()
        self._log = {"Action/missing_torque": missing.float(), "Action/unsolved": (~decoded.converged).float().mean()}
        if self._is_acceleration_missed:
            self._log["Action/missing_acceleration"] = decoded.missing_acceleration.mean().float()
        return decoded.excitation

    def initial_activation(self, frame: torch.Tensor) -> torch.Tensor:
        """Activation of the static optimization along the reference, as far as muscles have the capacity, [E, M]."""
        return self.preferring.limited(self._scene.reference_activation(frame))

    def reset(self, mask: torch.Tensor) -> None:  # noqa: D102
        self.controller.reset(mask)
        self.preferring.reset(mask)

    def log(self) -> dict[str, torch.Tensor]:
        """Say what the muscles could not give and how many solves are unfinished.

        The torque is the mean over the joints, as a share of their capacity; the acceleration [m/s^2] is the root mean
        square over the body's mass, where that is what is minimized.
        """
        return self._log

    def state_dict(self) -> dict[str, torch.Tensor]:  # noqa: D102
        return self.controller.state_dict() | self.preferring.state_dict()

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:  # noqa: D102
        self.controller.load_state_dict(state)
        self.preferring.load_state_dict(state)


def matching(patterns: Sequence[str], joints: Sequence[str]) -> list[str]:
    """Return the joints whose names match one of the patterns, in the order of the body.

    Raises:
        MsemuError: A pattern matches none.
    """
    for pattern in patterns:
        if not any(fnmatchcase(joint, pattern) for joint in joints):
            raise MsemuError(f"no joint that can be led matches '{pattern}'{suggestion(pattern, joints)}")
    return [joint for joint in joints if any(fnmatchcase(joint, pattern) for pattern in patterns)]


def make_controller(cfg: ControllerCfg, scene: Scene) -> TrackingController:
    """Make the model-based controller of a scene.

    Raises:
        MsemuError: The engine is not the mujoco one, or the body has no such contact regions.
    """
    if not isinstance(scene.sim, CpuSimulation):
        raise MsemuError(
            "this action space solves for muscles on the mujoco engine only; use --sim.engine mujoco --sim.device cpu,"
            " or --env.action residual"
        )
    return TrackingController(
        scene.body,
        scene.sim,
        scene.reference,
        cfg,
        scene.substeps,
        scene.muscle,
        scene.num_threads,
        scene.reference_activation,
    )
