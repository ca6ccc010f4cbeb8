"""``msemu-model scale``: a body in the size of a person, as a recipe."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rich.console import Console
from rich.table import Table

from msemu.cli.model.options import ScaleBodyCfg
from msemu.config import cfg_file, cfg_names, to_dict
from msemu.errors import MsemuError
from msemu.files import write_text
from msemu.models import LANDMARKS, Body, load_body
from msemu.models.anatomy.person import fit_scale, measure_parts, require_scales, stature
from msemu.models.anatomy.sizes import ScaleCfg
from msemu.models.recipe import load_recipe, title_of
from msemu.motion.formats.axes import ReadOptions
from msemu.motion.formats.read import detect_format, read_source
from msemu.motion.geometry import landmark_path
from msemu.registry import find_body

_HEIGHT_TOLERANCE = 0.01


def scale(args: ScaleBodyCfg) -> None:
    """Write the recipe, and show what the body that it makes measures."""
    if args.height is None and args.markers is None:
        raise MsemuError("how long is the person? give --height, or --markers of a recording in which they stand")
    recipe = load_recipe(args.body)
    if recipe.scale:
        raise MsemuError(f"{args.body} is scaled already; scale the body that it is based on")
    body = load_body(args.body, args.body_path)
    lengths = _measured(args) if args.markers else {}
    size = fit_scale(body, lengths) if args.markers else _by_height(body, args.height)
    size = replace(size, mass_kg=args.mass)
    scaled = load_body(args.output.stem, args.body_path, replace(recipe, scale=size))
    if args.height and abs(stature(scaled) / args.height - 1) > _HEIGHT_TOLERANCE:
        raise MsemuError(f"the scaled body would be {stature(scaled):.3f} m tall and not {args.height:.3f} m")
    values = {
        "base": _base(args.body, args.output),
        "title": title_of(args.output),
        "description": f"{recipe.title} in the size of a person of {args.mass:g} kg{_how(args)}.",
        "scale": {key: value for key, value in to_dict(size).items() if value},
    }
    write_text(args.output, yaml.safe_dump(values, sort_keys=False, allow_unicode=True))
    console = Console()
    console.print(_table(args, body, scaled, size, lengths))
    console.print(f"recipe: {args.output}", soft_wrap=True)


def _by_height(body: Body, height: float | None) -> ScaleCfg:
    assert height is not None
    return require_scales(ScaleCfg(round(height / stature(body), 6)))


def _measured(args: ScaleBodyCfg) -> dict[str, np.ndarray]:
    """Return the lengths of the person's parts, right and left [m]."""
    assert args.markers is not None
    if detect_format(args.markers) not in ("trc", "c3d"):
        raise MsemuError(f"{args.markers} holds no markers; --markers is a .trc or .c3d file of a person who stands")
    trial = read_source(args.markers, ReadOptions(names=args.names, unit=args.unit, up=args.up))
    return measure_parts({name: trial.joint(name) for name in trial.recorded})


def _how(args: ScaleBodyCfg) -> str:
    return (
        f" and {args.height:g} m"
        if args.height
        else f", its parts as the markers of {Path(str(args.markers)).name} say"
    )


def _base(body: str, output: Path) -> str:
    """Return what the recipe names as its base: a body of msemu, or another recipe beside or above the file."""
    spec = find_body(body)
    if spec.name in cfg_names("body") and spec.recipe == cfg_file("body", spec.name):
        return f"body/{spec.name}.yaml"
    recipe = spec.recipe.resolve()
    is_plugin = spec.origin != "msemu"
    return str(recipe) if is_plugin else os.path.relpath(recipe, output.resolve().parent)


def _landmarks(body: Body) -> dict[str, np.ndarray]:
    return dict(zip(LANDMARKS, landmark_path(body, body.neutral_qpos[None])[0][0], strict=True))


def _table(args: ScaleBodyCfg, body: Body, scaled: Body, size: ScaleCfg, lengths: dict[str, np.ndarray]) -> Table:
    table = Table("", args.body, "person, right and left", "scaled", "factor", title=args.output.stem)

    def row(name: str, before: Any, person: str, after: Any, factor: float) -> None:
        table.add_row(name, f"{before:.3f}", person, f"{after:.3f}", f"{factor:.3f}")

    row("mass, kg", body.mass, f"{args.mass:g}", scaled.mass, scaled.mass / body.mass)
    if body.recipe and "vertex" in body.recipe.points:
        before, after = stature(body), stature(scaled)
        row("height, m", before, f"{args.height:g}" if args.height else "", after, after / before)
    own, new = (measure_parts(_landmarks(each)) for each in (body, scaled))
    for part, sides in own.items():
        person = ", ".join(f"{side:.3f}" for side in dict.fromkeys(lengths.get(part, ())))
        row(f"{part.replace('_', ' ')}, m", sides.mean(), person, new[part].mean(), new[part].mean() / sides.mean())
    return table
