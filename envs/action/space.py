"""What every action space offers, and how one is made."""

import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch

from msemu.components import resolve
from msemu.control.muscle_reference import MuscleReference
from msemu.errors import MsemuError, blaming
from msemu.models.body import Body
from msemu.motion.reference import ReferenceMotion
from msemu.schema import ActionCfg, MuscleCfg, PriorCfg
from msemu.sim import Simulation


@dataclass
class Scene:
    """What an action space and the terms may use.

    Attributes:
        body: The body.
        sim: The physics.
        reference: The motion to follow.
        substeps: Physics steps of a control step.
        muscle: The muscle of ``sim``.
        num_threads: CPU threads; 0 uses every core.
        action_space: The action space, once it is made.
    """

    body: Body
    sim: Simulation
    reference: ReferenceMotion
    substeps: int
    muscle: MuscleCfg
    num_threads: int = 0
    action_space: "ActionSpace | None" = None

    @property
    def control_step_s(self) -> float:
        """Length of a control step [s]."""
        return self.substeps * float(self.sim.model.opt.timestep)

    @cached_property
    def muscles(self) -> MuscleReference:
        """What the muscles do along the reference; a warning says where that falls short of it.

        Raises:
            MsemuError: The body has no feet among its contact regions.
        """
        timestep_s = float(self.sim.model.opt.timestep)
        found = MuscleReference.along(self.body, self.reference.clips, self.muscle, self.substeps, timestep_s)
        for remark in found.remarks.tolist():
            warnings.warn(remark, stacklevel=3)
        return found

    def reference_activation(self, frame: torch.Tensor) -> torch.Tensor:
        """Return the activation along the reference at frames [E], shape [E, M].

        It is that of the simulation where all clips are simulated, of the static optimization elsewhere.
        """
        return self._activation[self.reference.row(frame)]

    @cached_property
    def _activation(self) -> torch.Tensor:
        simulated = [clip.simulated.activation for clip in self.reference.clips if clip.simulated]
        whole = len(simulated) == len(self.reference.clips)
        activation = np.concatenate(simulated) if whole else self.muscles.activation
        return torch.as_tensor(activation, device=self.sim.device)


class Memory:
    """What is remembered from one control step to the next: by default nothing."""

    def reset(self, mask: torch.Tensor) -> None:
        """Forget the past of the environments that start anew, shape [E], bool."""

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Everything that the next call depends on, beside its arguments and the simulation."""
        return {}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Continue from a `state_dict`."""


class ActionSpace(Memory, ABC):
    """Turns the policy's output into muscle excitation, once in each control step.

    A class of your own is named in a YAML file as ``kind: "module:Class"``; the other keys are the fields of its `Cfg`,
    which derives from `ActionCfg`. It is built as ``Class(cfg, scene)``.

    Attributes:
        Cfg: Dataclass of its values.
        num_actions: Numbers A that the policy puts out.
        decodings: Times that excitations are found in a control step, see `msemu.control.tracking.parts`.
    """

    Cfg: ClassVar[type[ActionCfg]]
    num_actions: int
    decodings: int = 1

    @abstractmethod
    def excitation(self, actions: torch.Tensor, frame: torch.Tensor, steps: int) -> torch.Tensor:
        """Return the excitations of the next control step in [0, 1], float32, shape [E, M].

        Args:
            actions: Output of the policy, shape [E, A].
            frame: Number of the reference frame that each body should now be in, shape [E].
            steps: Control steps that the environment has done in all of its training, for what follows a schedule.
        """

    def renewed(self, actions: torch.Tensor, frame: torch.Tensor, steps: int, passed: float) -> torch.Tensor:
        """Return the excitations from within a control step on, as `excitation` does at its beginning.

        It is asked where `decodings` are more than one; the share ``passed`` of the control step is over.
        """
        raise NotImplementedError

    def initial_activation(self, frame: torch.Tensor) -> torch.Tensor | None:
        """Return the activation that bodies start with at a frame, shape [E, M]; None for `EnvCfg.reset_activation`."""
        return None

    def log(self) -> dict[str, torch.Tensor]:
        """Curves of the last control step: numbers on the device."""
        return {}


def make_of_kind(cfg: ActionCfg | PriorCfg, scene: Scene) -> Any:
    """Make the action space, or the prior, that the values are of.

    Raises:
        MsemuError: There is no such class, the values are not its own, or it does not suit the scene.
    """
    kind: Any = resolve(cfg.role, cfg.kind)
    if not isinstance(cfg, kind.Cfg):
        raise MsemuError(f"the {cfg.role} '{cfg.kind}' has the values of {kind.Cfg.__name__}, not {type(cfg).__name__}")
    with blaming(f"the {cfg.role} '{cfg.kind}'"):
        return kind(cfg, scene)


def require_tensor(value: Any, shape: tuple[int, ...], device: torch.device, what: str) -> None:
    """Refuse what is no float32 tensor of a shape on a device, without waiting for it; ``what`` begins the message.

    Raises:
        MsemuError: It is none.
    """
    is_tensor = isinstance(value, torch.Tensor) and value.dtype == torch.float32
    if not (is_tensor and value.shape == shape and value.device == device):
        raise MsemuError(f"{what} {described(value)}; expected float32 of shape {list(shape)} on {device}")


def described(value: Any) -> str:
    """Say what a tensor, or something else, is."""
    if not isinstance(value, torch.Tensor):
        return f"a {type(value).__name__}"
    return f"{str(value.dtype).removeprefix('torch.')} of shape {list(value.shape)} on {value.device}"
