"""The figures of an evaluation."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from rich.table import Table

from msemu.analysis.rollout import TrackingErrors
from msemu.analysis.turning import turned_deg


@dataclass
class Evaluation:
    """How well a policy tracks, over episodes that start evenly through the reference.

    Errors are means over all control steps before a failure; they say nothing without `survival` beside them.

    Attributes:
        joint_angle_error_deg: Mean absolute error of the independent joints [deg].
        root_rotation_error_deg: Mean angle of the pelvis [deg].
        body_position_error_cm: Mean distance of the landmarks, relative to the pelvis [cm].
        root_translation_error_cm: Mean distance of the pelvis [cm].
        survival: Share of episodes that reach their end [-].
        survival_from_start: Share of its length that the episode from the reference's first frame lasts [-].
        survival_time_s: Mean time before a failure, or the whole episode [s].
        turned_deg: How far the pelvis has turned about the axis of the clip's whole turn, in the mean [deg].
        reference_turned_deg: How far it should have in the same episodes, failed ones to their end [deg].
        episodes: Number of episodes.
        episode_length_s: Length of an episode [s].
        muscle_power_w: Mean positive mechanical power of all muscles together [W].
        peak_muscle_power_w: Greatest of any instant [W].
        activation: Mean activation of the muscles [-].
        tendon_strain: Mean strain of the tendons that are not rigid [-]; 0 when all are.
        joint_angle_error_deg_by_joint: Mean absolute error by joint [deg].
    """

    joint_angle_error_deg: float
    root_rotation_error_deg: float
    body_position_error_cm: float
    root_translation_error_cm: float
    survival: float
    survival_from_start: float
    survival_time_s: float
    turned_deg: float
    reference_turned_deg: float
    episodes: int
    episode_length_s: float
    muscle_power_w: float
    peak_muscle_power_w: float
    activation: float
    tendon_strain: float
    joint_angle_error_deg_by_joint: dict[str, float]

    @classmethod
    def of(cls, errors: TrackingErrors, joint_names: list[str], control_frequency_hz: float) -> "Evaluation":
        """Summarize the errors of many episodes."""
        steps, episodes = errors.root_rotation_deg.shape
        turned, wanted = turned_deg(errors.root_quaternion, errors.reference_quaternion)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # every episode may have failed in its first step
            by_joint = np.nanmean(errors.joint_angle_deg, axis=(0, 1))
            angle, rotation, position, translation = (float(np.nanmean(getattr(errors, name))) for name in _MEANS)
            muscles = errors.muscles
            use = {name: float(np.nanmean(values)) for name, values in vars(muscles).items()}
            peak_power = float(np.nanmax(muscles.power_w))
        return cls(
            joint_angle_error_deg=angle,
            root_rotation_error_deg=rotation,
            body_position_error_cm=position,
            root_translation_error_cm=translation,
            survival=float((errors.failed_at == steps).mean()),
            survival_from_start=float(errors.failed_at[0] / steps),
            survival_time_s=float(errors.failed_at.mean() / control_frequency_hz),
            turned_deg=float(turned.mean()),
            reference_turned_deg=float(wanted.mean()),
            episodes=episodes,
            episode_length_s=steps / control_frequency_hz,
            muscle_power_w=use["power_w"],
            peak_muscle_power_w=peak_power,
            activation=use["activation"],
            tendon_strain=use["tendon_strain"],
            joint_angle_error_deg_by_joint=dict(zip(joint_names, by_joint.tolist(), strict=True)),
        )


RECORDED = ("joint_angle_error_deg", "root_rotation_error_deg", "body_position_error_cm", "root_translation_error_cm")
"""Figures that are given against the recording of a simulated clip, too."""


def recorded_figures(errors: TrackingErrors, joint_names: list[str], control_frequency_hz: float) -> dict[str, float]:
    """Return the errors against what simulated clips follow, by name; none where no clip is simulated."""
    if errors.recorded is None:
        return {}
    found = Evaluation.of(errors.recorded, joint_names, control_frequency_hz)
    return {f"recorded_{name}": getattr(found, name) for name in RECORDED}


COLUMNS = {
    "joint_angle_error_deg": ("joint angles [deg]", 1.0),
    "root_rotation_error_deg": ("root [deg]", 1.0),
    "body_position_error_cm": ("body [cm]", 1.0),
    "root_translation_error_cm": ("root [cm]", 1.0),
    "survival": ("survival [%]", 100.0),
    "survival_from_start": ("from the start [%]", 100.0),
    "survival_time_s": ("time before a failure [s]", 1.0),
    "episode_length_s": ("of [s]", 1.0),
    "muscle_power_w": ("power [W]", 1.0),
}
"""Heading of a figure's column, and the factor to its unit."""


def tabulate(
    evaluations: dict[str, Evaluation], figures: Iterable[str], subject: str, title: str, mean: str = ""
) -> Table:
    """Make a table with a row for each evaluation, and a last row with the means if it has a name."""
    chosen = {figure: COLUMNS[figure] for figure in figures}
    table = Table(subject, title=title)
    for label, _ in chosen.values():
        table.add_column(label, justify="right")
    rows = {
        name: [factor * getattr(evaluation, figure) for figure, (_, factor) in chosen.items()]
        for name, evaluation in evaluations.items()
    }
    for name, values in rows.items():
        table.add_row(name, *(f"{value:.2f}" for value in values))
    if mean:
        table.add_section()
        table.add_row(mean, *(f"{np.mean(values):.2f}" for values in zip(*rows.values(), strict=True)))
    return table


_MEANS = ("joint_angle_deg", "root_rotation_deg", "body_position_cm", "root_translation_cm")
