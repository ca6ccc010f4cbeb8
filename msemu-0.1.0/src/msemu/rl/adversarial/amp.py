"""Adversarial motion prior (AMP, doi:10.1145/3450626.3459670): move like the clip, at whatever time."""

from typing import Any

import torch

from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.motion.kinematics import Kinematics
from msemu.motion.reference import ReferenceMotion
from msemu.rl.adversarial.discriminator import Discriminator, is_rank_zero
from msemu.rl.adversarial.features import MotionFeatures
from msemu.rl.adversarial.normalizer import MeanStdNormalizer


class AmpDiscriminator(Discriminator):
    """A sample is a window of the last frames of a movement; the good ones come from the clip.

    An episode starts on the reference, so its window begins with the reference's frames before the start; no window
    holds frames of two episodes.
    """

    penalizes_negatives = False

    def __init__(self, env: MotionTrackingEnv, device: str, features: dict[str, Any], window: int, **settings: Any):
        """Build it for an environment, as `AddDiscriminator`; a sample has ``window`` frames.

        Raises:
            MsemuError: The clip is shorter than a window.
        """
        frames = min((clip.num_frames for clip in env.reference.clips if not clip.cyclic), default=window)
        if frames < window:
            raise MsemuError(f"the clip has {frames} frames and the discriminator's window {window}; lower its window")
        self._features = MotionFeatures(env.body, env.device, window=window, **features)
        normalizer = MeanStdNormalizer(self._features.num_features, device)
        super().__init__(self._features.parts, normalizer, device, **settings)
        self._reference: ReferenceMotion = env.reference
        self._back = torch.arange(1 - window, 1, device=env.device)
        self._good = self._features(self._reference_window(env.reference.frame_numbers(window - 1))).to(device)
        self._window = self._reference_window(env.frame)
        self._frame = env.frame.clone()

    def observe(self, env: MotionTrackingEnv, dones: torch.Tensor) -> torch.Tensor:  # noqa: D102
        dones, reference = dones.to(env.device), self._reference_window(env.frame)
        # Somebody else may have started episodes: the environment is then not one frame on from where it was.
        moved = ~dones & (env.frame != self._frame + 1)
        self._window = _where(moved, reference, _shifted(self._window, env.transition.state))
        samples = self._features(self._window)
        self._window = _where(dones, reference, self._window)
        self._frame = env.frame.clone()
        return samples

    def positives(self, count: int) -> torch.Tensor:  # noqa: D102
        return self._good[torch.randint(len(self._good), (count,), device=self._good.device)]

    def state_dict(self) -> dict[str, Any]:  # noqa: D102
        window = {name: value.clone() for name, value in vars(self._window).items()}
        return {**super().state_dict(), "window": window, "frame": self._frame.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: D102
        super().load_state_dict(state)
        if is_rank_zero():
            self._window = Kinematics(**{name: value.to(self._back.device) for name, value in state["window"].items()})
            self._frame = state["frame"].to(self._back.device)

    def _record(self, samples: torch.Tensor, positives: torch.Tensor) -> None:
        self.normalizer.record(torch.cat((samples, positives)))

    def _reference_window(self, frame: torch.Tensor) -> Kinematics:
        """Return the reference up to ``frame`` [N], leading shape [N, W]."""
        return self._reference.kinematics(frame.unsqueeze(1) + self._back)


def _shifted(window: Kinematics, latest: Kinematics) -> Kinematics:
    return Kinematics(
        **{
            name: torch.cat((value[:, 1:], getattr(latest, name).unsqueeze(1)), dim=1)
            for name, value in vars(window).items()
        }
    )


def _where(mask: torch.Tensor, chosen: Kinematics, otherwise: Kinematics) -> Kinematics:
    return Kinematics(
        **{
            name: torch.where(mask.view(-1, *[1] * (value.dim() - 1)), value, getattr(otherwise, name))
            for name, value in vars(chosen).items()
        }
    )
