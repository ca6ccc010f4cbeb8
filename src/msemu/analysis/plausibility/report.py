"""The plausibility report as pictures and as one page of HTML."""

import base64
import html
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from msemu.analysis.plausibility.check import Plausibility
from msemu.files import save_figure, write_text
from msemu.findings import COLORS, summary
from msemu.motion.checks.verdict import JUDGMENTS, remedies
from msemu.motion.flight import GRAVITY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN_JOINTS = 16


def draw(report: Plausibility) -> dict[str, "Figure"]:
    """Draw the report; the figures by a name that suits a file."""
    return {
        "floor": _draw_floor(report),
        "flight": _draw_flight(report),
        "strength": _draw_strength(report),
        "joints": _draw_joints(report),
    }


def write_pictures(report: Plausibility, folder: Path) -> list[Path]:
    """Write the figures as PNG into a folder and return their paths."""
    return [save_figure(figure, folder / f"{name}.png") for name, figure in draw(report).items()]


def write_html(report: Plausibility, path: Path) -> None:
    """Write the report as one page that needs no other file."""
    clip = report.clip
    title = html.escape(f"{clip.name or 'clip'} on {clip.body}")
    facts = f"{clip.num_frames} frames at {clip.fps:g} Hz, {clip.duration_s:.2f} s; {summary(report.findings)}."
    rows = "".join(
        f'<tr class="{finding.severity}"><td>{finding.severity}</td>'
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in finding.cells())
        + "</tr>"
        for finding in report.findings
    )
    figures = "".join(
        f"<tr><td>{html.escape(check)}</td><td>{value:.3g} {judged.unit}</td><td>{judged.good:g}</td></tr>"
        for check, value, judged in ((check, value, JUDGMENTS[check]) for check, value in report.figures.items())
    )
    tips = "".join(f"<li>{html.escape(line)}</li>" for line in remedies(report.findings, clip.quality))
    pictures = "".join(
        f'<img alt="{name}" src="data:image/png;base64,{_png(fig)}">' for name, fig in draw(report).items()
    )
    severities = "".join(f".{name} td:first-child {{ color: {color} }}\n" for name, color in COLORS.items())
    page = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 15px/1.4 sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; color: #222 }}
table {{ border-collapse: collapse; margin: 1em 0 }}
td, th {{ padding: .2em .7em; border-bottom: 1px solid #ddd; text-align: left }}
{severities}
img {{ max-width: 100%; display: block; margin: 1em 0 }}
</style></head><body><h1>{title}</h1><p>{html.escape(facts)}</p><p>{html.escape(clip.source)}</p>
<h2>Largest figures</h2><table><tr><th>check</th><th>largest</th><th>good up to</th></tr>{figures}</table>
{pictures}
<h2>Findings</h2><table><tr><th></th><th>check</th><th>where</th><th>frame</th><th>time</th><th>what</th></tr>{rows}</table>
<h2>What to try</h2><ul>{tips or "<li>nothing: all figures are good</li>"}</ul>
</body></html>
"""
    write_text(path, page)


def _png(figure: "Figure") -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _figure(rows: int = 1, height: float = 3.0) -> tuple["Figure", np.ndarray]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, height * rows), layout="constrained")
    return figure, np.atleast_1d(figure.subplots(rows, 1, sharex=rows > 1))


def _shade_flights(axes: np.ndarray, report: Plausibility) -> None:
    for axis in axes:
        for figures in report.flights:
            flight, fps = figures.flight, report.clip.fps
            axis.axvspan(flight.first / fps, flight.last / fps, color="tab:blue", alpha=0.12, lw=0)
        axis.grid(alpha=0.3)
        axis.set_xlim(0, report.clip.num_frames / report.clip.fps)


def _draw_floor(report: Plausibility) -> "Figure":
    figure, axes = _figure()
    time = np.arange(report.clip.num_frames) / report.clip.fps
    lowest = sorted(report.height, key=lambda region: report.height[region].min())[:6]
    for region in lowest:
        axes[0].plot(time, 100 * report.height[region], label=region.replace("_", " "))
    axes[0].axhline(0.0, color="black", lw=0.8)
    axes[0].set_ylim(min(-2.0, 100 * min(report.height[region].min() for region in lowest)), 20)
    axes[0].set(xlabel="time [s]", ylabel="lowest point [cm]", title="Height above the floor (flights shaded)")
    axes[0].legend(ncols=3, fontsize=8)
    _shade_flights(axes, report)
    return figure


def _draw_flight(report: Plausibility) -> "Figure":
    figure, axes = _figure(2, 2.6)
    missing = report.support.residual
    time = (np.arange(len(missing)) + report.first_frame + 1) / report.clip.fps
    axes[0].plot(time, missing, color="0.4", label="given by no contact")
    for number, figures in enumerate(report.flights):
        at = (np.arange(len(figures.residual)) + figures.flight.first + 1) / report.clip.fps
        axes[0].plot(at, figures.residual, color="tab:red", lw=2, label=None if number else "in flight")
        mean = figures.angular_momentum.mean(axis=0)
        for axis in range(3):
            label = None if number else f"about {'xyz'[axis]}"
            axes[1].plot(at, figures.angular_momentum[:, axis], color=f"C{axis}", label=label)
            axes[1].hlines(mean[axis], at[0], at[-1], color=f"C{axis}", ls=":", lw=1)
    axes[0].axhline(JUDGMENTS["flight residual"].good, color="black", lw=0.8, ls="--")
    axes[0].set(ylabel="force [body weights]", title=f"Force missing at the root (g = {-GRAVITY[2]} m/s²)")
    axes[1].set(xlabel="time [s]", ylabel="[kg m²/s]", title="Angular momentum about the center of mass in flight")
    axes[0].legend(fontsize=8)
    if report.flights:
        axes[1].legend(fontsize=8, ncols=3)
    else:
        axes[1].text(0.5, 0.5, "no flight", transform=axes[1].transAxes, ha="center", color="0.5")
    _shade_flights(axes, report)
    return figure


def _draw_strength(report: Plausibility) -> "Figure":
    strength = report.strength
    order = np.argsort(-strength.ratio.max(axis=0))[:_SHOWN_JOINTS]
    figure, axes = _figure(1, 4.2)
    fps, first = report.clip.fps, report.first_frame
    extent = (first / fps, (first + len(strength.ratio)) / fps, len(order) - 0.5, -0.5)
    image = axes[0].imshow(
        strength.ratio[:, order].T,
        aspect="auto",
        extent=extent,
        vmin=0,
        vmax=2,
        cmap="inferno",
        interpolation="nearest",
    )
    axes[0].set_yticks(range(len(order)), [strength.joint_names[joint] for joint in order], fontsize=8)
    axes[0].set(xlabel="time [s]", title="Required torque over what the muscles can give (2 or more is white-yellow)")
    figure.colorbar(image, ax=axes[0])
    return figure


def _draw_joints(report: Plausibility) -> "Figure":
    figure, axes = _figure(2, 2.4)
    time = np.arange(report.clip.num_frames) / report.clip.fps
    fastest = np.argsort(-report.joint_speed.max(axis=0))[:5]
    for joint in fastest:
        axes[0].plot(time, report.joint_speed[:, joint], label=report.strength.joint_names[joint])
    axes[0].axhline(JUDGMENTS["joint speed"].good, color="black", lw=0.8, ls="--")
    axes[0].set(ylabel="[rad/s]", title="Fastest joints")
    axes[0].legend(fontsize=8, ncols=3)
    jump = 100 * report.tendon_jump.max(axis=1)
    axes[1].plot((np.arange(len(jump)) + 1 - int(report.clip.cyclic)) / report.clip.fps, jump)
    axes[1].axhline(JUDGMENTS["tendon jump"].good, color="black", lw=0.8, ls="--")
    axes[1].set(xlabel="time [s]", ylabel="[% of fiber length]", title="Largest tendon jump between frames")
    _shade_flights(axes, report)
    return figure
