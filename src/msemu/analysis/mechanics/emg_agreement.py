"""How the muscles of a movement go with one's own EMG over the gait cycle."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from msemu.analysis.gait.cycles import over_cycles
from msemu.analysis.gait.muscle_timing import correlation_by_shift
from msemu.analysis.mechanics.gait_cycles import cycles_of
from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.control.gait_phase import PERCENT
from msemu.envs.emg import EmgRecording, read_emg
from msemu.errors import MsemuError, suggestion
from msemu.files import printable
from msemu.models.body import Body


@dataclass(frozen=True)
class EmgAgreement:
    """How one muscle's mean activation goes with its envelope.

    Attributes:
        correlation: Pearson's coefficient over the cycle [-]; None for one that does not change.
        best_shift: Shift of the activation that agrees best, positive to later [% of the cycle].
        best_correlation: The coefficient there.
    """

    correlation: float | None
    best_shift: int
    best_correlation: float | None


def read_cycle_emg(path: Path, body: Body) -> EmgRecording:
    """Read envelopes of leg muscles over the gait cycle.

    Raises:
        MsemuError: The file is damaged, over time, leaves out a part of the cycle, or has channels that are no muscles
            of a leg of the body.
    """
    recording, names = read_emg(path), body.muscle_names
    if recording.cycle is None:
        raise MsemuError(f"{path} is over time; give envelopes over phase (0 to 1) or percent of the gait cycle")
    for channel in recording.channels:
        if channel not in names or channel[-2:] not in ("_r", "_l"):
            hint = suggestion(channel, names, f"see: msemu-model muscles {body.name}")
            raise MsemuError(f"{path}: channel '{printable(channel)}' is no muscle of a leg of '{body.name}'{hint}")
    return recording


def compare_emg(movement: MechanicalMovement, path: Path) -> dict[str, EmgAgreement]:
    """Compare with envelopes over the phase of the cycle that begins with the strike of each muscle's own foot.

    Raises:
        MsemuError: As `read_cycle_emg`; or a foot makes no whole cycle.
    """
    recording, names = read_cycle_emg(path, movement.body), movement.body.muscle_names
    cycles = {side: cycles_of(movement, side) for side in {channel[-1] for channel in recording.channels}}
    for side, found in cycles.items():
        if not found:
            raise MsemuError(f"{path}: foot_{side} makes no whole gait cycle in '{movement.title}', so none compares")
    courses = {
        channel: over_cycles(movement.muscles.activation[:, names.index(channel)], cycles[channel[-1]]).mean(0)
        for channel in recording.channels
    }
    return agreements(recording, courses)


def agreements(recording: EmgRecording, courses: dict[str, np.ndarray]) -> dict[str, EmgAgreement]:
    """Compare each channel of a recording over the cycle with the mean activation of its muscle, shape [101]."""
    return {name: _agreement(courses[name], _over_percent(recording, name)) for name in recording.channels}


def lines_of(found: dict[str, EmgAgreement]) -> list[str]:
    """Say it in a line for each muscle."""
    return [
        f"{muscle} against EMG: r {own.correlation:.2f}, moved by {own.best_shift:+d} % r {own.best_correlation:.2f}"
        if own.correlation is not None and own.best_correlation is not None
        else f"{muscle} against EMG: one of both does not change, so none compares"
        for muscle, own in found.items()
    ]


def _over_percent(recording: EmgRecording, channel: str) -> np.ndarray:
    """Return a channel at each of `PERCENT`, shape [101]."""
    place, values = recording.place / (recording.cycle or 1.0) * 100.0, recording.channels[channel]
    return np.interp((PERCENT - place[0]) % 100.0 + place[0], place, values)


def _agreement(activation: np.ndarray, envelope: np.ndarray) -> EmgAgreement:
    by_shift = correlation_by_shift(activation, envelope)
    if not np.isfinite(by_shift).all():
        return EmgAgreement(None, 0, None)
    best = int(by_shift.argmax())
    return EmgAgreement(float(by_shift[0]), best if best <= 50 else best - 100, float(by_shift[best]))
