"""Checks of moment arms and of the greatest isometric moments against what is published."""

from itertools import groupby

from msemu.findings import Finding
from msemu.models.body import Body
from msemu.models.strength.moments import Figure, arm_figures, strength_figures

_SHOWN = 4


def check_strength(body: Body) -> list[Finding]:
    """Name movements that are stronger or weaker than those of adults, and by joint moment arms unlike theirs."""
    return [*_movements(body), *_moment_arms(body)]


def _movements(body: Body) -> list[Finding]:
    """One finding a movement, about the angle where it is farthest outside."""
    source = f"two standard deviations around men of {body.mass:.0f} kg, cfg/anthropometry/strength.yaml"
    findings = []
    for name, figures in groupby(strength_figures(body), lambda figure: figure.subject):
        worst = max(figures, key=lambda figure: figure.beyond)
        if worst.beyond > 0:
            message = f"{_told(worst, 'N m')}: {source}"
            findings.append(Finding("warning", "strength", name, message, worst.value))
    return findings


def _moment_arms(body: Body) -> list[Finding]:
    """One finding a joint, with the muscles that are farthest outside."""
    findings = []
    for joint, figures in groupby(arm_figures(body), lambda figure: figure.joint):
        outside: dict[str, Figure] = {}
        for figure in sorted(figures, key=lambda figure: -figure.beyond):
            if figure.beyond > 0:
                outside.setdefault(figure.subject, figure)
        if outside:
            worst = list(outside.values())
            told = "; ".join(f"{figure.subject} {_told(figure, 'mm')}" for figure in worst[:_SHOWN])
            more = f" and {len(worst) - _SHOWN} more muscles" if len(worst) > _SHOWN else ""
            message = f"published otherwise (cfg/anthropometry/moment_arms.yaml): {told}{more}"
            findings.append(Finding("warning", "moment arm", joint, message, worst[0].value))
    return findings


def _told(figure: Figure, unit: str) -> str:
    return f"{figure.value:.0f} {unit} at {figure.angle_deg:.0f} deg, published {figure.published}"
