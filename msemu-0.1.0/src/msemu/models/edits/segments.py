"""Masses, centers and inertias of a body's segments as a table of anthropometry gives them."""

import mujoco
import numpy as np

from msemu.models.anatomy.segments import Axes, MassDistribution, Proportion, segment_bodies
from msemu.models.recipe import Recipe
from msemu.muscle.paths.parts import principal

_LEAST = 0.01
"""Least share of its second moment that a body keeps where the others have all that the table gives."""
_LIGHT, _LIGHT_PART = 0.01, 0.3
"""Shares of the whole body and of the segment; a lighter body than both keeps its place: a kneecap, the toes."""


def set_segments(spec: mujoco.MjSpec, recipe: Recipe, model: mujoco.MjModel, data: mujoco.MjData) -> None:
    """Give the segments of a recipe their share of its mass, and the centers and radii of gyration of the table.

    Within a segment the bodies keep their shares. The mass of its heavy bodies is moved along the segment's axis and
    stretched along its three axes: a real distribution of mass stays one. Bodies whose inertia the recipe sets stay as
    they are. ``model`` is what ``spec`` compiles to, and ``data`` holds its neutral pose.
    """
    own = {body: MassDistribution.of_body(model, data, body) for body in range(1, model.nbody)}
    kept = {model.body(name).id for name in recipe.rotational_inertia}
    whole = sum(recipe.proportions[cfg.row].mass for cfg in recipe.segments.values() if cfg.body)
    for name, bodies in segment_bodies(model, recipe.segments).items():
        cfg = recipe.segments[name]
        row, scaled = recipe.proportions[cfg.row], [body for body in bodies if body not in kept]
        if cfg.body:
            given = recipe.mass_kg * row.mass / whole - sum(own[body].mass for body in bodies if body in kept)
            share = given / sum(own[body].mass for body in scaled)
            own |= {body: own[body].times(share) for body in scaled}
        if cfg.ends and cfg.shaped:
            axes = recipe.axes(cfg, data)
            least = min(_LIGHT * recipe.mass_kg, _LIGHT_PART * sum(own[body].mass for body in bodies))
            heavy = [body for body in scaled if own[body].mass > least]
            others = [own[body] for body in bodies if body not in heavy]
            own |= dict(zip(heavy, _shaped([own[body] for body in heavy], others, axes, row), strict=True))
    for body in set(own) - kept:
        _write(spec.body(model.body(body).name), own[body], data.xpos[body], data.xmat[body].reshape(3, 3))


def _shaped(
    parts: list[MassDistribution], others: list[MassDistribution], axes: Axes, row: Proportion
) -> list[MassDistribution]:
    """Move and stretch some bodies of a segment, so that with the others it has the center and the radii of the row."""
    heavy, whole = MassDistribution.sum(parts), MassDistribution.sum([*parts, *others])
    along = (row.center - axes.center_percent(whole)) / 100 * axes.length * axes.matrix[:, 2]
    center = heavy.center + along * whole.mass / heavy.mass
    moments = np.square(np.divide(row.radii, 100) * axes.length)
    wanted = whole.mass * (moments.sum() / 2 - moments)
    rest = MassDistribution.sum([MassDistribution(heavy.mass, center, np.zeros((3, 3))), *others]).second_moment
    present = np.diag(axes.matrix.T @ heavy.second_moment @ axes.matrix)
    missing = np.maximum(wanted - np.diag(axes.matrix.T @ rest @ axes.matrix), _LEAST * present)
    stretch = axes.matrix @ np.diag(np.sqrt(missing / present)) @ axes.matrix.T
    return [
        MassDistribution(
            part.mass, center + stretch @ (part.center - heavy.center), stretch @ part.second_moment @ stretch
        )
        for part in parts
    ]


def _write(body: mujoco.MjsBody, part: MassDistribution, position: np.ndarray, rotation: np.ndarray) -> None:
    """Set the mass of a body in its own frame, whose place in the world is given."""
    moments, quaternion = principal(rotation.T @ part.inertia @ rotation)
    body.explicitinertial = True
    body.fullinertia = [np.nan] * 6
    body.mass, body.inertia = part.mass, moments
    body.ipos, body.iquat = rotation.T @ (part.center - position), quaternion
