"""``msemu-model strength``: moment arms and greatest isometric moments of a body beside published ones."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import groupby

from rich.console import Console
from rich.table import Table

from msemu.cli.model.options import StrengthCfg
from msemu.console import write_json
from msemu.models import load_body
from msemu.models.strength.moments import Figure, arm_figures, strength_figures
from msemu.models.strength.sets import SetFigure, set_figures, with_strength


def strength(args: StrengthCfg) -> None:
    """Print both tables, a row a movement or a muscle, and write the figures."""
    own = load_body(args.body, args.body_path)
    body, asked = with_strength(own, args.strength_set), set_figures(own, args.strength_set)
    moments, arms = strength_figures(body), arm_figures(body)
    console = Console()
    title = f"Greatest isometric moment of {body.name}, strength set {body.strength_set} [N m]"
    console.print(_table(title, moments))
    if asked:
        console.print(_asked_table(f"What the strength set {body.strength_set} asks of {body.name} [N m]", asked))
    console.print(_table(f"Moment arms of {body.name} [mm]", arms))
    console.print(r"each as angle \[deg]: figure (published, if known); * is outside of it")
    if args.json:
        figures: dict[str, Sequence[Figure | SetFigure]] = {"moments_nm": moments, "asked_nm": asked, "arms_mm": arms}
        rows = {key: [asdict(figure) for figure in each] for key, each in figures.items()}
        write_json(args.json, {"body": body.name, "strength_set": body.strength_set, **rows})


def _table(title: str, figures: Iterable[Figure]) -> Table:
    table = Table("", "joint", "over the range", title=title)
    for (subject, joint), row in groupby(figures, lambda figure: (figure.subject, figure.joint)):
        table.add_row(subject, joint, ", ".join(map(_cell, row)))
    return table


def _cell(figure: Figure) -> str:
    published = f" ({figure.published})" * bool(figure.published)
    return f"{figure.angle_deg:.0f}: {figure.value:.0f}{published}" + "*" * (figure.beyond > 0)


def _asked_table(title: str, figures: Iterable[SetFigure]) -> Table:
    table = Table("", "asked", "own", "given", title=title, caption="* is less than nine tenths of what is asked")
    for figure in figures:
        short = "*" * (figure.given < 0.9 * figure.asked)
        table.add_row(figure.movement, f"{figure.asked:.0f}", f"{figure.own:.0f}", f"{figure.given:.0f}{short}")
    return table
