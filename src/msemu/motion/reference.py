"""Clips as tables on a device, looked up by frame number."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import mujoco
import numpy as np
import torch

from msemu.errors import MsemuError
from msemu.models.body import Body
from msemu.motion.checks.verdict import refuse_impossible
from msemu.motion.clip import MotionClip
from msemu.motion.kinematics import Kinematics, LandmarkModel
from msemu.motion.quality import pose_figures

CLIP_SPACING = 2**40
"""A frame number says the clip, too: those of clip c lie around ``c * CLIP_SPACING``, that of its first frame."""


class ReferenceMotion:
    """Frames of one or several clips at the control rate.

    The next frame has the next number, whatever the clip. Numbers go on beyond both ends of a clip: a cyclic clip
    repeats, moved by its displacement in each cycle; any other stays in its first or last frame. The frame numbers of
    a single clip are those of its frames.

    Attributes:
        clips: The clips C.
        names: Their names, told apart by a number where two are alike.
        num_frames: Frames of all clips together T.
        starts: Frames of each clip from which there is something left to follow, shape [C].
    """

    def __init__(
        self, clips: MotionClip | Sequence[MotionClip], body: Body, frame_rate_hz: float, device: torch.device
    ):
        """Compute the landmarks of every frame.

        Raises:
            MsemuError: There is no clip, or one belongs to another body, has another frame rate, or is impossible.
        """
        self.clips = (clips,) if isinstance(clips, MotionClip) else tuple(clips)
        if not self.clips:
            raise MsemuError("there is no clip to follow")
        self.names = clip_names(self.clips)
        for clip, name in zip(self.clips, self.names, strict=True):
            clip.check_matches(body.name, body.joint_names)
            refuse_impossible(pose_figures(body, clip), f"the clip '{name}'")
            if abs(clip.fps - frame_rate_hz) > 1e-6:
                raise MsemuError(
                    f"the clip '{name}' has {clip.fps:g} frames per second and the task decides {frame_rate_hz:g} times"
                    f" per second; import it with --fps {frame_rate_hz:g}"
                )

        def table(values: list[np.ndarray], dtype: torch.dtype = torch.float64) -> torch.Tensor:
            return torch.as_tensor(np.concatenate(values), dtype=dtype, device=device)

        lengths = [clip.num_frames for clip in self.clips]
        self.num_frames = sum(lengths)
        self._length = torch.tensor(lengths, device=device)
        self._cyclic = torch.tensor([clip.cyclic for clip in self.clips], device=device)
        self._first_row = self._length.cumsum(0) - self._length
        # The last frame of a clip that ends has nothing left to follow.
        self.starts = torch.where(self._cyclic, self._length, self._length - 1)
        self._displacement = table([clip.cycle_displacement[None] for clip in self.clips], torch.float32)
        self._qpos = table([clip.qpos for clip in self.clips])
        self._qvel = table([clip.qvel for clip in self.clips])
        self._phase = torch.cat([torch.arange(length, device=device) / length for length in lengths])
        self._kinematics = reduce(Kinematics.followed_by, (kinematics_along(body, clip, device) for clip in self.clips))

    def kinematics(self, frame: torch.Tensor) -> Kinematics:
        """Landmarks, joints and velocities at ``frame`` (int64, any shape [...])."""
        row, shift = self._find(frame)
        found = self._kinematics.rows(row)
        return replace(found, landmark_position=found.landmark_position + shift.unsqueeze(-2))

    def state(self, frame: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Generalized position and velocity at ``frame``, shapes [..., nq] and [..., nv], double precision."""
        row, shift = self._find(frame)
        qpos = self._qpos[row].clone()
        qpos[..., :3] += shift
        return qpos, self._qvel[row]

    def row(self, frame: torch.Tensor) -> torch.Tensor:
        """Row of ``frame`` in a table of the frames of all clips one after another, shape [...]."""
        return self._find(frame)[0]

    def phase(self, frame: torch.Tensor) -> torch.Tensor:
        """Position within the clip in [0, 1), shape [...]."""
        return self._phase[self.row(frame)]

    def has_ended(self, frame: torch.Tensor) -> torch.Tensor:
        """Whether nothing is left to follow at ``frame``, shape [...]."""
        if len(self.clips) == 1:
            return frame >= self.starts[0] if not self.clips[0].cyclic else torch.zeros_like(frame, dtype=torch.bool)
        clip = self.clip_of(frame)
        return ~self._cyclic[clip] & (frame - clip * CLIP_SPACING >= self.starts[clip])

    def clip_of(self, frame: torch.Tensor) -> torch.Tensor:
        """Index of the clip that ``frame`` belongs to, shape [...]."""
        return (frame + CLIP_SPACING // 2) // CLIP_SPACING

    def frame_numbers(self, preceded_by: int = 0) -> torch.Tensor:
        """Numbers of all frames with so many frames of their clip before them, shape [N]; a cyclic clip has no first.

        Args:
            preceded_by: Frames that must come before; at most the length of every clip that is not cyclic, less one.
        """
        return torch.cat(
            [
                index * CLIP_SPACING
                + torch.arange(0 if clip.cyclic else preceded_by, clip.num_frames, device=self._length.device)
                for index, clip in enumerate(self.clips)
            ]
        )

    def _find(self, frame: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Row of the tables, shape [...], and how far the frame has moved with the cycles [m], shape [..., 3]."""
        if len(self.clips) == 1:
            count, displacement = self.num_frames, self._displacement[0]
            if self.clips[0].cyclic:
                return frame % count, (frame // count).unsqueeze(-1) * displacement
            return frame.clamp(0, count - 1), torch.zeros_like(frame).unsqueeze(-1) * displacement
        clip = self.clip_of(frame)
        length, frame = self._length[clip], frame - clip * CLIP_SPACING
        cycle = torch.where(self._cyclic[clip], frame // length, 0)
        within = torch.minimum((frame - cycle * length).clamp(min=0), length - 1)
        return self._first_row[clip] + within, cycle.unsqueeze(-1) * self._displacement[clip]


def clip_names(clips: Sequence[MotionClip]) -> tuple[str, ...]:
    """Names of clips; where two are alike, the later one gets a number."""
    names: list[str] = []
    for clip in clips:
        wanted = name = clip.name or "clip"
        number = 2
        while name in names:
            name, number = f"{wanted}_{number}", number + 1
        names.append(name)
    return tuple(names)


def kinematics_along(body: Body, clip: MotionClip, device: torch.device) -> Kinematics:
    """Return the kinematics in every frame of a clip, over T."""
    data = mujoco.MjData(body.model)
    arrays = {"qpos": [*clip.qpos], "qvel": [*clip.qvel], "xpos": [], "xquat": [], "cvel": [], "com": []}
    for qpos, qvel in zip(clip.qpos, clip.qvel, strict=True):
        data.qpos[:], data.qvel[:] = qpos, qvel
        mujoco.mj_kinematics(body.model, data)
        mujoco.mj_comPos(body.model, data)
        mujoco.mj_comVel(body.model, data)
        arrays["xpos"].append(data.xpos.copy())
        arrays["xquat"].append(data.xquat.copy())
        arrays["cvel"].append(data.cvel.copy())
        arrays["com"].append(data.subtree_com[1].copy())
    tensors = [torch.as_tensor(np.stack(values), device=device) for values in arrays.values()]
    return LandmarkModel(body, device).read(*tensors)
