"""Measured muscle activity: envelopes of the electromyogram (EMG) that muscles follow by the reward term `emg`.

A file is a CSV or an OpenSim storage file. Its first column is ``time`` [s], ``phase`` (0 to 1) or ``percent`` (0 to
100) of the motion cycle; every other one is the envelope of a channel: rectified, low-pass filtered, and divided by the
maximum voluntary contraction or scaled by `EmgOptions.peak_activation`. Storage files know ``time`` only.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import torch

from msemu.envs.action.space import Scene
from msemu.envs.readings import Transition
from msemu.envs.terms import Term
from msemu.errors import MsemuError, suggestion
from msemu.files import MAX_COLUMNS, MAX_FRAMES, check_times, printable
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.formats.maps import listed
from msemu.motion.formats.opensim_storage import read_storage
from msemu.motion.formats.text import TextFile
from msemu.schema.ranges import Finite, Fraction, Range

_CYCLE = {"phase": 1.0, "percent": 100.0}
_LARGEST_GAP = 0.1
"""Largest part of a cycle between two rows that is interpolated."""
_RIPPLE = 0.05
"""Part of the range by which the ripple of a low-pass filter may leave it."""
_SLACK_FRAMES = 2.0
"""Frames by which a file may be shorter than its clip; its first and last values then go on."""


@dataclass
class EmgOptions:
    """Which measurement is followed, and how (docs/understand/adversarial.md)."""

    file: str
    """Envelopes, CSV or .sto: first a column time [s], phase (0 to 1) or percent of the cycle, then one per channel."""
    muscles: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Muscles that a channel was measured on, none to leave it out; by default the muscle of the channel's name."""
    peak_activation: Annotated[float, Range(above=0, greatest=1)] | None = None
    """Activation that the maximum of each channel stands for [-]; by default the values are activations, 0 to 1."""
    clip_start: Finite | None = None
    """Where the clip begins, in the unit of the file's first column; by default at its first time, or at phase 0."""
    delay_s: Fraction = 0.0
    """Electromechanical delay: how much later than its EMG a muscle is active [s]."""


@dataclass(frozen=True)
class EmgRecording:
    """Envelopes as they stand in a file.

    Attributes:
        path: The file.
        cycle: Length of the motion cycle in the unit of `place`; None when that is time.
        place: Time [s], or place in the cycle, shape [N], increasing; a cycle ends with its first row again.
        channels: Values by channel, shape [N] each.
    """

    path: Path
    cycle: float | None
    place: np.ndarray
    channels: dict[str, np.ndarray]

    def sample(self, channel: str, clip: MotionClip, options: EmgOptions) -> np.ndarray:
        """Envelope of a channel as activation in the frames of a clip [-], shape [T].

        Raises:
            MsemuError: The recording does not cover the clip, or its values are no activations.
        """
        moment = np.arange(clip.num_frames) / clip.fps - options.delay_s
        if self.cycle is None:
            start = self._start(clip, options)
            place = start + (moment % clip.duration_s if clip.cyclic else moment)
        else:
            turned = (options.clip_start or 0.0) + moment / clip.duration_s * self.cycle - self.place[0]
            place = self.place[0] + turned % self.cycle
        return np.interp(place, self.place, self._activation(channel, options.peak_activation))

    def _start(self, clip: MotionClip, options: EmgOptions) -> float:
        """Time of the file at which the clip begins [s]."""
        slack = _SLACK_FRAMES / clip.fps
        first, last = self.place[[0, -1]]
        start = first if options.clip_start is None else options.clip_start
        covered = first - slack <= start and start + clip.duration_s <= last + slack
        if not covered or (options.clip_start is None and last - first > clip.duration_s + slack):
            raise MsemuError(
                f"{self.path} goes from {first:g} to {last:g} s and the clip '{clip.name}' lasts {clip.duration_s:g} s:"
                " say with the option clip_start at which time of the file the clip begins, and let the file cover it"
            )
        return start

    def _activation(self, channel: str, peak: float | None) -> np.ndarray:
        values = self.channels[channel]
        least, greatest = values.min(), values.max()
        unit = 1.0 if peak is None else greatest
        if least < -_RIPPLE * unit or greatest > (1.0 + _RIPPLE) * unit or unit <= 0.0:
            raise MsemuError(
                f"{self.path}: the channel '{printable(channel)}' goes from {least:.3g} to {greatest:.3g}; envelopes go"
                " from 0 to 1, or with the option peak_activation from 0 to any maximum"
            )
        return (values / unit).clip(0.0, 1.0) * (peak or 1.0)


class EmgError(Term):
    """Mean squared difference of activation and measured envelopes [-].

    Every muscle of a channel is compared with it, and every channel counts alike.

    Attributes:
        muscles: Names of the muscles that each channel drives.
    """

    Options = EmgOptions

    def __init__(self, options: EmgOptions, scene: Scene):
        """Read the file and sample it at the frames of all clips.

        Raises:
            MsemuError: The file is damaged, or does not fit the body or the clips.
        """
        recording = read_emg(Path(options.file))
        body, reference, device = scene.body, scene.reference, scene.sim.device
        clips = reference.clips
        if recording.cycle is None and len(clips) > 1:
            raise MsemuError(
                f"{recording.path} is over time, which fits one clip, and the task follows {len(clips)}; give a file"
                " over the phase of the cycle"
            )
        for clip, name in zip(clips, reference.names, strict=True):
            if recording.cycle is not None and not clip.cyclic:
                raise MsemuError(
                    f"{recording.path} is over the phase of a cycle, and the clip '{name}' is not cyclic; give a file"
                    " over time"
                )
        self.muscles = measured_muscles(options, recording, body)
        pairs = [(column, muscle) for column, names in enumerate(self.muscles.values()) for muscle in names]
        weights = [1.0 / (len(self.muscles) * len(names)) for names in self.muscles.values() for _ in names]
        table = [[recording.sample(channel, clip, options) for clip in clips] for channel in self.muscles]
        envelope = np.column_stack([np.concatenate(channel) for channel in table])
        self._reference = reference
        self._envelope = torch.as_tensor(envelope, dtype=torch.float32, device=device)
        self._column = torch.tensor([column for column, _ in pairs], device=device)
        self._muscle = torch.tensor([body.muscle_names.index(muscle) for _, muscle in pairs], device=device)
        self._weight = torch.tensor(weights, device=device)

    def __call__(self, step: Transition) -> torch.Tensor:  # noqa: D102
        wanted = self._envelope[self._reference.row(step.frame)][:, self._column]
        return ((step.muscles.activation[:, self._muscle] - wanted).square() * self._weight).sum(1)


def read_emg(path: Path) -> EmgRecording:
    """Read a file of envelopes, CSV by the ending ``.csv`` and otherwise OpenSim storage.

    Raises:
        MsemuError: The file is damaged, or its first column is no time or phase.
    """
    if path.suffix.lower() == ".csv":
        axis, place, channels = _read_csv(path)
    else:
        storage = read_storage(path)
        axis, place, channels = "time", storage.time, storage.columns
    if axis == "time":
        check_times(path, place)
        return EmgRecording(path, None, place, channels)
    cycle = _CYCLE[axis]
    if not (np.diff(place) > 0).all() or place[0] < 0 or place[-1] > cycle:
        raise MsemuError(f"{path}: the column '{axis}' does not increase from 0 to {cycle:g}")
    if place[-1] < place[0] + cycle:
        place = np.append(place, place[0] + cycle)
        channels = {name: np.append(values, values[0]) for name, values in channels.items()}
    gap = np.diff(place).max() / cycle
    if gap > _LARGEST_GAP:
        raise MsemuError(f"{path}: {gap:.0%} of the cycle has no row; at most {_LARGEST_GAP:.0%} is interpolated")
    return EmgRecording(path, cycle, place, channels)


def _read_csv(path: Path) -> tuple[str, np.ndarray, dict[str, np.ndarray]]:
    text = TextFile(path)
    names, rows = text.columns()
    axis = names[0].lower()
    if axis not in ("time", *_CYCLE) or not 2 <= len(names) <= MAX_COLUMNS or len(set(names)) < len(names):
        raise MsemuError(
            f"{path}: the first line must name the columns, each once: first time (in s), phase (0 to 1) or percent (0"
            " to 100), then the channels, separated by commas"
        )
    if not 2 <= len(rows) <= MAX_FRAMES:
        raise MsemuError(f"{path} has {len(rows)} rows of numbers; 2 to {MAX_FRAMES} are accepted")
    table = text.numbers(rows, len(names))
    return axis, table[:, 0], dict(zip(names[1:], table.T[1:], strict=True))


def measured_muscles(options: EmgOptions, recording: EmgRecording, body: Body) -> dict[str, tuple[str, ...]]:
    """Names of the muscles that each channel drives, without the channels that are left out.

    Raises:
        MsemuError: A channel or a muscle is unknown, or a muscle is driven twice.
    """
    for channel, muscles in options.muscles.items():
        if channel not in recording.channels:
            known = [printable(name) for name in recording.channels]
            hint = suggestion(channel, known, f"known: {listed(known)}")
            raise MsemuError(f"muscles of emg: {recording.path} has no channel '{channel}'{hint}")
        for muscle in muscles:
            if muscle not in body.muscle_names:
                hint = suggestion(muscle, body.muscle_names, f"see: msemu-model muscles {body.name}")
                raise MsemuError(f"muscles of emg, {channel}: body '{body.name}' has no muscle '{muscle}'{hint}")
    measured = {channel: options.muscles.get(channel, (channel,)) for channel in recording.channels}
    unknown = [printable(name) for name in measured if name not in options.muscles and name not in body.muscle_names]
    if unknown:
        raise MsemuError(
            f"{recording.path}: the channels {listed(unknown)} are no muscles of body '{body.name}'; say in"
            f" the option muscles what they drive, {unknown[0]}: [muscle, ...], or nothing, {unknown[0]}: []"
        )
    measured = {channel: muscles for channel, muscles in measured.items() if muscles}
    driven = [muscle for muscles in measured.values() for muscle in muscles]
    twice = sorted({muscle for muscle in driven if driven.count(muscle) > 1})
    if twice or not driven:
        what = f"drives {listed(twice)} twice" if twice else "drives no muscle"
        raise MsemuError(f"{recording.path} with the muscles of emg {what}")
    return measured
