"""A clip as tables on a device, looked up by frame number."""

from dataclasses import replace

import mujoco
import numpy as np
import torch

from msemu.errors import MsemuError
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.landmarks import Kinematics, LandmarkModel


class ReferenceMotion:
    """Frames of a clip at the control rate.

    A frame number may be any integer from 0: a cyclic clip goes on for ever, moved by its displacement in each cycle;
    any other clip stays in its last frame.

    Attributes:
        num_frames: Frames in one pass T.
        cyclic: Whether the clip goes on for ever.
    """

    def __init__(self, clip: MotionClip, body: Body, frame_rate_hz: float, device: torch.device):
        """Compute the landmarks of every frame.

        Raises:
            MsemuError: The clip belongs to another body or has another frame rate.
        """
        clip.check_matches(body.name, body.joint_names)
        if abs(clip.fps - frame_rate_hz) > 1e-6:
            raise MsemuError(
                f"the clip has {clip.fps:g} frames per second and the task decides {frame_rate_hz:g} times per second;"
                f" import it with --fps {frame_rate_hz:g}"
            )
        self.num_frames = clip.num_frames
        self.cyclic = clip.cyclic
        self._displacement = torch.as_tensor(clip.cycle_displacement, dtype=torch.float32, device=device)
        self._qpos = torch.as_tensor(clip.qpos, dtype=torch.float64, device=device)
        self._qvel = torch.as_tensor(clip.qvel, dtype=torch.float64, device=device)
        self._kinematics = _kinematics_of(clip, body, device)

    def kinematics(self, frame: torch.Tensor) -> Kinematics:
        """Landmarks, joints and velocities at ``frame`` (int64, any shape [...])."""
        index, cycle = self._index(frame)
        found = self._kinematics[index]
        shift = cycle.unsqueeze(-1) * self._displacement
        return replace(found, landmark_position=found.landmark_position + shift.unsqueeze(-2))

    def state(self, frame: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Generalised position and velocity at ``frame``, shapes [..., nq] and [..., nv], double precision."""
        index, cycle = self._index(frame)
        qpos = self._qpos[index].clone()
        qpos[..., :3] += cycle.unsqueeze(-1) * self._displacement
        return qpos, self._qvel[index]

    def phase(self, frame: torch.Tensor) -> torch.Tensor:
        """Position within the clip in [0, 1), shape [...]."""
        return self._index(frame)[0] / self.num_frames

    def _index(self, frame: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if self.cyclic:
            return frame % self.num_frames, frame // self.num_frames
        return frame.clamp(max=self.num_frames - 1), torch.zeros_like(frame)


def _kinematics_of(clip: MotionClip, body: Body, device: torch.device) -> Kinematics:
    data = mujoco.MjData(body.model)
    arrays: dict[str, list[np.ndarray]] = {"xpos": [], "xquat": [], "cvel": [], "com": []}
    for qpos, qvel in zip(clip.qpos, clip.qvel, strict=True):
        data.qpos[:], data.qvel[:] = qpos, qvel
        mujoco.mj_kinematics(body.model, data)
        mujoco.mj_comPos(body.model, data)
        mujoco.mj_comVel(body.model, data)
        arrays["xpos"].append(data.xpos.copy())
        arrays["xquat"].append(data.xquat.copy())
        arrays["cvel"].append(data.cvel.copy())
        arrays["com"].append(data.subtree_com[1].copy())
    tensors = [torch.as_tensor(np.stack(values), device=device) for values in (clip.qpos, clip.qvel, *arrays.values())]
    return LandmarkModel(body, device).read(*tensors)
