"""A report as one HTML file that needs nothing else: figures are SVG within it."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from matplotlib.figure import Figure

from msemu.analysis.mechanics.joint_reaction import JointReaction
from msemu.analysis.mechanics.measured import Measured
from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.analysis.mechanics.plots import ground_figure, joint_figure, reaction_figure
from msemu.analysis.report.activations import activation_figure
from msemu.analysis.report.tracking import joint_error_deg, tracking_figure

_LARGEST = 12
"""Muscles whose work is shown."""
_MISSING = {"Tracking": "nothing that was to be followed"}
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#222;max-width:1500px;margin:2em auto;padding:0 1em}
h1{font-size:1.6em}h2{font-size:1.2em;border-bottom:1px solid #ccc;margin-top:2em}
table{border-collapse:collapse;margin-bottom:1.5em}
td,th{padding:.2em .9em .2em 0;text-align:left;border-bottom:1px solid #eee}
td.n{text-align:right;font-variant-numeric:tabular-nums}.side{display:flex;flex-wrap:wrap;gap:1em}
.side>div{flex:1 1 480px;min-width:0}svg{width:100%;height:auto}.warn{color:#a33}
"""


@dataclass(frozen=True)
class Subject:
    """One movement of a report.

    Attributes:
        name: What the user called it.
        measured: It, with all that is measured of it.
        provenance: What it is from, by name.
    """

    name: str
    measured: Measured
    provenance: dict[str, str]

    @property
    def movement(self) -> MechanicalMovement:
        """The movement itself."""
        return self.measured.movement

    @property
    def tracking_error_deg(self) -> float | None:
        """Mean distance of the independent hinges from the reference [deg]; None without one."""
        error = joint_error_deg(self.movement)
        return None if error is None else float(error.mean())


def render(subjects: Sequence[Subject]) -> str:
    """Return the page about one or more movements, side by side."""
    sections: dict[str, Callable[[MechanicalMovement, JointReaction], Figure | None]] = {
        "Tracking": lambda movement, _: tracking_figure(movement),
        "Ground reaction": lambda movement, _: ground_figure(movement),
        "Joint moments": lambda movement, _: joint_figure(movement, "moment"),
        "Joint powers": lambda movement, _: joint_figure(movement, "power"),
        "Joint reaction": reaction_figure,
        "Muscle activation": lambda movement, _: activation_figure(movement),
    }
    parts = [_table(subjects)]
    for title, draw in sections.items():
        figures = [draw(subject.movement, subject.measured.reaction) for subject in subjects]
        missing = f"<p>{_MISSING.get(title, 'no gait cycle to show')}</p>"
        panes = "".join(f"<div>{svg(figure) if figure else missing}</div>" for figure in figures)
        parts.append(f'<h2>{title}</h2><div class="side">{panes}</div>')
    works = "".join(f"<div>{_work(subject.measured)}</div>" for subject in subjects)
    parts.append(f'<h2>Work</h2><div class="side">{works}</div>')
    parts.append("<h2>Provenance</h2>" + _provenance(subjects))
    title = escape(" · ".join(subject.name for subject in subjects))
    return document(title, "".join(parts))


def document(title: str, content: str) -> str:
    """Return a page of some content; both are HTML."""
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{content}</body></html>\n"
    )


def table_of(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of text; the first column is on the left, numbers are on the right."""
    top = f"<tr>{''.join(f'<th>{escape(label)}</th>' for label in head)}</tr>" if head else ""
    lines = (
        f"<tr><td>{escape(first)}</td>{''.join(f'<td class=n>{escape(value)}</td>' for value in others)}</tr>"
        for first, *others in rows
    )
    return f"<table>{top}{''.join(lines)}</table>"


def _table(subjects: Sequence[Subject]) -> str:
    columns = [_figures(subject) for subject in subjects]
    labels = list(dict.fromkeys(label for column in columns for label in column))
    head = "".join(f"<th>{escape(subject.name)}</th>" for subject in subjects)
    rows = "".join(
        f"<tr><td>{escape(label)}</td>"
        + "".join(f'<td class="n">{column.get(label, "")}</td>' for column in columns)
        + "</tr>"
        for label in labels
    )
    warnings = "".join(
        f'<p class="warn">{escape(subject.name)}: the muscle mass is not plausible, so neither are metabolic watts</p>'
        for subject in subjects
        if not subject.measured.cost.is_plausible
    )
    return f"<table><tr><th></th>{head}</tr>{rows}</table>{warnings}"


def _figures(subject: Subject) -> dict[str, str]:
    """Return the figures of a movement as text by label."""
    movement, measured = subject.movement, subject.measured
    energetics, cost, gait = measured.energetics, measured.cost, measured.gait
    values: dict[str, Any] = {
        "length [s]": movement.num_frames / movement.fps,
        "tracking error, mean over joints [deg]": subject.tracking_error_deg,
        "episodes begun": int(movement.episode_start.sum()),
        "speed [m/s]": energetics.speed_m_s,
    }
    if gait:
        values |= {
            "gait cycles": gait.cycles,
            "cadence [steps/min]": gait.cadence_steps_min,
            "stride length [m]": gait.stride_length_m,
            **{f"step length {side} [m]": length for side, length in gait.step_length_m.items()},
            "stance [% of the cycle]": 100.0 * gait.stance,
        }
    values |= {
        "vertical force, mean of the sum [BW]": energetics.vertical_force_mean_bw,
        "vertical force, peak on one part [BW]": energetics.vertical_force_peak_bw,
        "joint power, positive [W]": energetics.positive_joint_power_w,
        "muscle power, positive [W]": energetics.positive_muscle_power_w,
        "muscle power of least effort, positive [W]": energetics.least_effort_power_w,
        "muscle power over least effort": energetics.power_over_least_effort,
        "smoothness [log10]": energetics.smoothness,
        "smoothness of the reference [log10]": energetics.reference_smoothness,
        **{f"joint reaction, peak: {name} [BW]": peak for name, peak in measured.reaction_peaks().items()},
        "muscle mass [kg]": cost.muscle_mass_kg,
        "metabolic power, Bhargava [W]": cost.bhargava_w,
        "metabolic power, Umberger [W]": cost.umberger_w,
        "cost of transport, Bhargava [J/kg/m]": cost.bhargava_j_kg_m,
    }
    return {
        label: f"{value:d}" if isinstance(value, int) else f"{value:.2f}"
        for label, value in values.items()
        if value is not None
    }


def _work(measured: Measured) -> str:
    """Return tables of the work of all joints and of the muscles that do most of it."""
    work, mass = measured.work, measured.movement.body.mass
    per = f"{work.work_per} ({work.work_cycle_s:.2f} s)" if work.work_cycles else work.work_per
    joints = [
        (name, *(f"{parts[part]:.1f}" for part in ("positive", "negative", "net")), f"{parts['positive_j_kg']:.3f}")
        for name, parts in (*work.joint_work_j.items(), ("all joints", work.all_joints_work_j))
    ]
    chosen = work.largest_muscles(_LARGEST)
    every = work.muscle_work_j | {"all muscles": work.all_muscles_work_j}
    muscles = [
        (
            name,
            *(f"{every[name][part]:.1f}" for part in ("positive", "negative")),
            f"{every[name]['positive'] / mass:.3f}",
        )
        for name in (*chosen, "all muscles")
    ]
    head = ("positive [J]", "negative [J]")
    return (
        f"<p>{escape(measured.movement.title)}, per {per}</p>"
        + table_of(("joint", *head, "net [J]", "positive [J/kg]"), joints)
        + table_of((f"muscle, the {len(chosen)} of most work", *head, "positive [J/kg]"), muscles)
    )


def _provenance(subjects: Sequence[Subject]) -> str:
    rows = "".join(
        f"<tr><td>{escape(subject.name)}</td><td>{escape(name)}</td><td>{escape(value)}</td></tr>"
        for subject in subjects
        for name, value in subject.provenance.items()
    )
    return f"<table>{rows}</table>"


def svg(figure: Figure) -> str:
    """Return a figure as an element of a page; letters are drawn as shapes, so that no font is needed."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    text = buffer.getvalue()
    return text[text.index("<svg") :]
