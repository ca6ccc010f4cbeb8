"""Muscles that a source has twice, or in two parts that know nothing of each other."""

import mujoco
import numpy as np

from msemu.errors import MsemuError
from msemu.models.edits.spec import element
from msemu.models.edits.wraps import lay_path, path_of
from msemu.models.recipe import JoinCfg

_FORCE = 2  # place of the maximal isometric force in the parameters of a muscle


def join_muscles(spec: mujoco.MjSpec, joins: tuple[JoinCfg, ...], model: mujoco.MjModel, data: mujoco.MjData) -> None:
    """Let lines go on along the path of a muscle, which they replace: they share its force and have its fiber.

    The share of each line is that of its force in the source. Each fiber is as long in the neutral pose as that of the
    muscle; the tendon is longer by what the path is. ``model`` is what ``spec`` compiles to, and ``data`` holds its
    neutral pose.
    """
    mujoco.mj_tendon(model, data)
    for join in joins:
        whole = element(spec, "actuator", join.along)
        path = path_of(spec, whole.target)
        names = [target for target, _ in path]
        if join.start not in names:
            raise MsemuError(f"the path of '{join.along}' has no point '{join.start}': it has {', '.join(names)}")
        first = names.index(join.start)
        lines = [element(spec, "actuator", line) for line in join.lines]
        total = sum(line.gainprm[_FORCE] for line in lines)
        for line in lines:
            share = line.gainprm[_FORCE] / total
            upper = path_of(spec, line.target)
            before = _polyline(data, names[: first + 1])
            gap = _polyline(data, [upper[-1][0], join.start])
            longer = data.ten_length[model.tendon(line.target).id] + gap - before
            lay_path(spec, line.target, [*upper, *path[first:]])
            for parameters in ("gainprm", "biasprm", "dynprm"):
                setattr(line, parameters, np.copy(getattr(whole, parameters)))
            line.gainprm[_FORCE] = line.biasprm[_FORCE] = share * whole.gainprm[_FORCE]
            line.lengthrange = np.asarray(whole.lengthrange) + longer
        tendon = spec.tendon(whole.target)
        spec.delete(whole)
        spec.delete(tendon)


def _polyline(data: mujoco.MjData, sites: list[str]) -> float:
    """Return the length of a path from site to site [m]."""
    points = np.array([data.site(site).xpos for site in sites])
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
