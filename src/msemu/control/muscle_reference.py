"""What the muscles do along a clip, by static optimization: a reference for muscles as the clip is one for joints."""

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields

import mujoco
import numpy as np
import torch

from msemu.control.activation_inverse import ActivationInverse
from msemu.control.inverse_dynamics import differentiate, dynamics_along
from msemu.control.static_optimization import StaticOptimization, StaticOptimizationCfg, contact_regions, optimize
from msemu.control.weakness import find_weaknesses
from msemu.errors import MsemuError
from msemu.files import read_arrays, write_arrays
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.library.catalogue import cache_folder
from msemu.muscle.overrides import configured_parameters
from msemu.muscle.parameters import MuscleParameters
from msemu.schema import MuscleCfg

_VERSION = 1
"""Part of the cache's key; to be raised when the numbers change."""
_SMOOTHING_S = 0.02
"""Standard deviation of the Gaussian over the clip before it is differentiated [s]."""


@dataclass(frozen=True)
class MuscleReference:
    """The muscles of a body in each of T frames of its clips, one clip after another.

    Where a joint is too weak, or no foot touches the floor, it is the closest that the muscles can do.

    Attributes:
        activation: Activation [-], shape [T, M].
        excitation: Excitation that leads from it to the activation of the next frame, or closest [-], shape [T, M].
        length: Muscle-tendon length [m], shape [T, M].
        velocity: Its lengthening speed [m/s], shape [T, M].
        remarks: What a user should know of the clips: joints that are too weak, frames without contact.
    """

    activation: np.ndarray
    excitation: np.ndarray
    length: np.ndarray
    velocity: np.ndarray
    remarks: np.ndarray

    @classmethod
    def along(
        cls, body: Body, clips: Sequence[MotionClip], muscle: MuscleCfg, substeps: int, timestep_s: float
    ) -> "MuscleReference":
        """Optimize along clips whose frames are control steps of so many physics steps; the cache keeps the results."""
        parameters = configured_parameters(body.model, muscle)
        inverse = ActivationInverse(parameters, substeps, timestep_s, muscle.activation_dynamics)
        common = _digest_of_body(body.model, parameters, muscle, substeps, timestep_s)
        parts = [_cached(body, clip, muscle.level, parameters, inverse, common.copy()) for clip in clips]
        return cls(*(np.concatenate([getattr(part, entry.name) for part in parts]) for entry in fields(cls)))


def _cached(
    body: Body,
    clip: MotionClip,
    level: str,
    parameters: MuscleParameters,
    inverse: ActivationInverse,
    digest: "hashlib._Hash",
) -> MuscleReference:
    for values in (clip.qpos, clip.qvel, clip.cycle_displacement, [clip.fps, clip.cyclic]):
        digest.update(np.ascontiguousarray(values, dtype=float).tobytes())
    path = cache_folder() / "muscles" / f"{body.name}_{digest.hexdigest()[:16]}.npz"
    try:
        return MuscleReference(**read_arrays(path, tuple(entry.name for entry in fields(MuscleReference))))
    except MsemuError:  # not there, or damaged
        made = _optimized(body, clip, level, parameters, inverse)
    # A cache that cannot be written costs time only.
    with contextlib.suppress(MsemuError):
        write_arrays(path, vars(made))
    return made


def _optimized(
    body: Body, clip: MotionClip, level: str, parameters: MuscleParameters, inverse: ActivationInverse
) -> MuscleReference:
    movement = differentiate(body, clip, _SMOOTHING_S)
    found = optimize(body, movement, StaticOptimizationCfg(level=level, floor="alone"), parameters)
    activation = torch.from_numpy(found.activation).float()
    later = activation.roll(-1, 0) if clip.cyclic else torch.cat((activation[1:], activation[-1:]))
    lower, upper = inverse.reachable(activation)
    excitation = inverse.excitation(activation, lower, upper, later.contiguous())
    states = [state for _, state in dynamics_along(body, movement, contact_regions(body))]
    return MuscleReference(
        activation=found.activation,
        excitation=excitation.double().numpy(),
        length=torch.cat([state.muscle_length for state in states]).numpy(),
        velocity=torch.cat([state.muscle_velocity for state in states]).numpy(),
        remarks=np.array(_remarks(found, clip.name or "clip"), dtype=np.str_),
    )


def _remarks(found: StaticOptimization, name: str) -> list[str]:
    remarks = []
    if not found.touching.any():
        remarks.append(f"no foot touches the floor in '{name}': its muscles are those of a body in the air")
    weak = find_weaknesses(found)
    if weak:
        joints = ", ".join(f"{each.joint} (frame {each.frame})" for each in weak[:3])
        more = f" and {len(weak) - 3} more" if len(weak) > 3 else ""
        advice = "they do what they can; see msemu-analyze static-optimization"
        remarks.append(f"muscles too weak for '{name}' at {joints}{more}: {advice}")
    return remarks


def _digest_of_body(
    model: mujoco.MjModel, parameters: MuscleParameters, muscle: MuscleCfg, substeps: int, timestep_s: float
) -> "hashlib._Hash":
    """Return a hash of all of the body that the optimization depends on."""
    content = np.empty(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, content)
    digest = hashlib.sha256(content.data)
    columns = {name: values for name, values in vars(parameters).items() if isinstance(values, np.ndarray)}
    for name in sorted(columns):
        digest.update(np.ascontiguousarray(columns[name]).tobytes())
    digest.update(repr((_VERSION, muscle.level, muscle.activation_dynamics, substeps, timestep_s)).encode())
    return digest
