"""Measured forces under a movement: at its time, of its weight, in its frame, on its feet and hands."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from msemu.analysis.mechanics.export.columns import PART_OF
from msemu.analysis.mechanics.ground_reaction import GroundReaction
from msemu.analysis.mechanics.loads.reading import PLATE, read_loads
from msemu.control.independent_dofs import ROOT_DOFS
from msemu.errors import MsemuError
from msemu.models.body import Body
from msemu.models.poses import posed
from msemu.motion.rotation import rotate

_GRAVITY_M_S2 = 9.81
_SAME_WEIGHT = 0.1
"""Share by which measured forces may carry more or less than the movement's weight [-]."""
_UNDER_FOOT_M = 0.15
"""Distance of a center of pressure from the middle of a foot up to which it is under it [m]; a sole is 0.28 m long."""


@dataclass(frozen=True)
class LoadsCfg:
    """How measured forces are taken.

    Attributes:
        path: Their file.
        start_s: Its time at the movement's first frame [s]; its first one by default.
        mass_kg: Mass of the person who was measured, to whose body's the forces are scaled [kg]; unscaled by default.
        align: Whether they are turned about the vertical and moved to where the movement needs them.
    """

    path: Path
    start_s: float | None = None
    mass_kg: float | None = None
    align: bool = False


@dataclass(frozen=True)
class PlacedLoads:
    """Measured forces under a movement.

    Attributes:
        ground: The forces, on parts of the body.
        remarks: What was done to them.
    """

    ground: GroundReaction
    remarks: tuple[str, ...]


def place(cfg: LoadsCfg, body: Body, qpos: np.ndarray, time: np.ndarray, required: np.ndarray) -> PlacedLoads:
    """Read forces and place them.

    Args:
        cfg: How.
        body: The body.
        qpos: Its poses, shape [T, nq].
        time: Instants of them since the first one [s], shape [T].
        required: Generalized forces that the movement requires, those of the root first [N, N m], shape [T, D].

    Raises:
        MsemuError: They do not cover the movement, are of another weight, or not under feet and hands.
    """
    ground, remarks = read_loads(cfg.path).at(time, cfg.start_s), []
    ground = _scaled(cfg, ground, body, required)
    if cfg.align:
        ground, remark = _aligned(ground, *needed_wrench(qpos, required))
        remarks.append(remark)
    known: list[str] = [region for region in PART_OF if region in body.contact_regions]
    middles = _middles(body, qpos, known)
    if ground.regions[0].startswith(PLATE):
        ground, remark = _by_part(ground, known, middles)
        remarks.append(remark)
    _require_parts(cfg, ground, body, known)
    _require_under(cfg, ground, dict(zip(known, middles, strict=True)))
    return PlacedLoads(ground, tuple(remarks))


def needed_wrench(qpos: np.ndarray, required: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the force that a movement needs from outside [N] and its moment about the origin [N m], shape [T, 3]."""
    turn, moment = torch.from_numpy(qpos[:, 3:7]), torch.from_numpy(required[:, 3:ROOT_DOFS])
    force = required[:, :3]
    return force, rotate(turn, moment).numpy() + np.cross(qpos[:, :3], force)


def _scaled(cfg: LoadsCfg, ground: GroundReaction, body: Body, required: np.ndarray) -> GroundReaction:
    """Scale forces to the body's mass where the person's is known, and refuse those of another weight."""
    factor = body.mass / cfg.mass_kg if cfg.mass_kg else 1.0
    ground = replace(ground, force=factor * ground.force, moment=factor * ground.moment)
    carried = ground.force[..., 2].sum(1).mean()
    if abs(carried - required[:, 2].mean()) > _SAME_WEIGHT * body.weight:
        raise MsemuError(
            f"{cfg.path}: the forces carry {carried / _GRAVITY_M_S2:.1f} kg on average and the movement of"
            f" '{body.name}' needs {required[:, 2].mean() / _GRAVITY_M_S2:.1f} kg; say with --loads-mass how heavy the"
            " person was, with --loads-start at which time the movement begins, or give all plates"
        )
    return ground


def _aligned(ground: GroundReaction, force: np.ndarray, moment: np.ndarray) -> tuple[GroundReaction, str]:
    """Turn forces to those that are needed, then move them so that their moments are, both by least squares."""
    total, wanted = ground.force.sum(1), force
    cross = (total[:, 0] * wanted[:, 1] - total[:, 1] * wanted[:, 0]).sum()
    angle = float(np.arctan2(cross, (total[:, :2] * wanted[:, :2]).sum()))
    sine, cosine = np.sin(angle), np.cos(angle)
    turn = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    pushes, moments = ground.force @ turn.T, ground.moment @ turn.T
    total, vertical = pushes.sum(1), pushes[..., 2].sum(1)
    nothing = np.zeros_like(vertical)
    by_x = np.stack([nothing, -vertical, total[:, 1]], axis=1)
    by_y = np.stack([vertical, nothing, -total[:, 0]], axis=1)
    missing = moment - moments.sum(1)
    columns = np.stack([by_x.ravel(), by_y.ravel()], axis=1)
    x, y = np.linalg.lstsq(columns, missing.ravel(), rcond=None)[0]
    moved = moments + np.cross([x, y, 0.0], pushes)
    remark = f"measured forces are turned by {np.degrees(angle):.1f} deg and moved by {x:.2f}, {y:.2f} m"
    return replace(ground, force=pushes, moment=moved), remark


def _middles(body: Body, qpos: np.ndarray, regions: list[str]) -> np.ndarray:
    """Return the middle of each region on the floor [m], shape [R, T, 2]."""
    paths = [
        [data.geom_xpos[body.contact_regions[region], :2].mean(0) for region in regions]
        for data in posed(body.model, qpos)
    ]
    return np.array(paths).transpose(1, 0, 2)


def _by_part(ground: GroundReaction, regions: list[str], middles: np.ndarray) -> tuple[GroundReaction, str]:
    """Give what stood on each plate, stance by stance, to the part that was nearest."""
    force, moment = (np.zeros((len(ground.force), len(regions), 3)) for _ in range(2))
    said = []
    for plate, loaded in enumerate(ground.is_loaded.T):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], loaded.astype(int), [0]])))
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            frames = slice(begin, end)
            away = np.linalg.norm(middles[:, frames] - ground.center[frames, plate, :2], axis=2).mean(1)
            nearest = int(away.argmin())
            force[frames, nearest] += ground.force[frames, plate]
            moment[frames, nearest] += ground.moment[frames, plate]
            said.append(f"{ground.regions[plate]} is {regions[nearest]} at {begin / ground.fps:.2f} s")
    used = [place for place in range(len(regions)) if force[:, place].any()]
    taken = replace(
        ground, regions=tuple(regions[place] for place in used), force=force[:, used], moment=moment[:, used]
    )
    return taken, "; ".join(said)


def _require_parts(cfg: LoadsCfg, ground: GroundReaction, body: Body, known: list[str]) -> None:
    missing = [region for region in ground.regions if region not in known]
    if missing or not ground.regions:
        raise MsemuError(
            f"{cfg.path}: the body '{body.name}' has no {', '.join(missing) or 'part that is loaded'}; known parts are"
            f" {', '.join(known)}"
        )


def _require_under(cfg: LoadsCfg, ground: GroundReaction, middles: dict[str, np.ndarray]) -> None:
    """Refuse centers of pressure that are not under their parts."""
    for index, region in enumerate(ground.regions):
        loaded = ground.is_loaded[:, index]
        away = np.linalg.norm(ground.center[loaded, index, :2] - middles[region][loaded], axis=1)
        if len(away) and np.median(away) > _UNDER_FOOT_M:
            hint = "the file is of another movement or time" if cfg.align else "say --align-loads to turn and move them"
            raise MsemuError(
                f"{cfg.path}: centers of pressure are {np.median(away):.2f} m from {region}, so the plates' frame is"
                f" not the movement's; {hint}"
            )
