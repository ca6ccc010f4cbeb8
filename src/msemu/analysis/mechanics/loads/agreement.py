"""How forces of the floor go with measured ones."""

from dataclasses import dataclass

import numpy as np

from msemu.analysis.mechanics.ground_reaction import GroundReaction


@dataclass(frozen=True)
class ForceAgreement:
    """How the force on a part goes with the measured one.

    Attributes:
        rms_bw: Root mean square of the difference of the vertical forces [body weights].
        correlation: Their correlation over the frames [-]; None where one of them does not change.
        measured_peak_bw: Greatest measured vertical force [body weights].
        forward_rms_bw: Root mean square of the difference along x [body weights].
        center_mean_m: Mean distance of the centers of pressure where both are loaded [m]; None where never.
    """

    rms_bw: float
    correlation: float | None
    measured_peak_bw: float
    forward_rms_bw: float
    center_mean_m: float | None


def compare_forces(own: GroundReaction, measured: GroundReaction, body_weight: float) -> dict[str, ForceAgreement]:
    """Compare forces with those that were measured, on each part that is measured; ours are zero elsewhere."""
    found = {}
    for region in measured.regions:
        ours = own.of([region]) if region in own.regions else measured.nothing(region)
        theirs = measured.of([region])
        (forward, _, up), (their_forward, _, their_up) = (each.force[:, 0].T / body_weight for each in (ours, theirs))
        both = ours.is_loaded[:, 0] & theirs.is_loaded[:, 0]
        apart = np.linalg.norm((ours.center - theirs.center)[both, 0], axis=1)
        changes = min(np.ptp(up), np.ptp(their_up)) > 1e-9
        found[region] = ForceAgreement(
            rms_bw=_rms(up - their_up),
            correlation=float(np.corrcoef(up, their_up)[0, 1]) if changes else None,
            measured_peak_bw=float(their_up.max()),
            forward_rms_bw=_rms(forward - their_forward),
            center_mean_m=float(apart.mean()) if len(apart) else None,
        )
    return found


def said(agreement: dict[str, ForceAgreement], which: str = "simulated") -> list[str]:
    """Return a line for each part."""
    lines = []
    for region, found in agreement.items():
        along = "" if found.correlation is None else f", r {found.correlation:.3f}"
        apart = "" if found.center_mean_m is None else f", centers {100 * found.center_mean_m:.1f} cm apart"
        vertical = f"vertical {found.rms_bw:.3f} body weights RMS{along}"
        lines.append(f"{which} force on {region} against the measured one: {vertical}{apart}")
    return lines


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))
