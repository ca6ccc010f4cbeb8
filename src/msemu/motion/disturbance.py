"""Poses of a clip with disturbed joints, to start episodes from."""

import mujoco
import numpy as np
import torch

from msemu.models.body import Body
from msemu.models.couplings import Couplings
from msemu.models.geoms import lowest_points
from msemu.models.poses import posed, scalar_joints
from msemu.motion.reference import ReferenceMotion

_VARIANTS = 16
"""Disturbances of each frame."""


class Disturbances:
    """Several disturbances of each frame of the clips, made once, so that drawing one needs no host."""

    def __init__(self, body: Body, reference: ReferenceMotion, noise_deg: float, seed: int):
        """Disturb independent joints by at most ``noise_deg`` [deg], uniform between both signs."""
        poses = np.concatenate([clip.qpos for clip in reference.clips])
        generator = np.random.default_rng(seed)
        changed = np.stack([disturbed(body, poses, noise_deg, generator) for _ in range(_VARIANTS)], axis=1)
        self._reference = reference
        self._table = torch.from_numpy(changed).to(reference.starts.device)

    def draw(self, frame: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return a disturbed position at each of some frames, shape [E, nq]; clips that repeat have gone on."""
        row = self._reference.row(frame)
        choice = torch.randint(_VARIANTS, frame.shape, generator=generator, device=frame.device)
        qpos = self._table[row, choice]
        qpos[:, :2] = self._reference.state(frame)[0][:, :2]
        return qpos


def disturbed(body: Body, qpos: np.ndarray, noise_deg: float, generator: np.random.Generator) -> np.ndarray:
    """Disturb the independent joints of poses [E, nq]; what couples moves along, and the lowest point keeps its height.

    A joint stays within its range, or where the reference has it if that is beyond.
    """
    model, joints = body.model, scalar_joints(body.model)[body.independent_joints]
    addresses, limits = model.jnt_qposadr[joints], model.jnt_range[joints].T
    low, high = np.minimum(limits[0], qpos[:, addresses]), np.maximum(limits[1], qpos[:, addresses])
    noise = np.radians(noise_deg) * generator.uniform(-1.0, 1.0, (len(qpos), len(joints)))
    changed = qpos.copy()
    changed[:, addresses] = np.clip(qpos[:, addresses] + noise, low, high)
    changed = Couplings.of(model).project(changed)
    geoms = np.concatenate([*body.contact_regions.values()])
    changed[:, 2] += _heights(model, qpos, geoms) - _heights(model, changed, geoms)
    return changed


def _heights(model: mujoco.MjModel, poses: np.ndarray, geoms: np.ndarray) -> np.ndarray:
    """Return the height of the lowest point of some geoms in each pose [m], shape [E]."""
    return np.array([lowest_points(model, data, geoms)[:, 2].min() for data in posed(model, poses)])
