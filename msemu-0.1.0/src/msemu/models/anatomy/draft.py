"""A first recipe for somebody's model, from the names of its bodies and from its geometry."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from msemu.errors import MsemuError
from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.models.geoms import support_points
from msemu.models.poses import at_pose
from msemu.models.sources import read_mjcf

_NAMES = {
    "pelvis": ("pelvis", "sacrum", "hips", "lower_trunk"),
    "thorax": ("thorax", "torso", "thoracic1", "chest", "ribcage", "trunk", "upper_trunk"),
    "head": ("head", "skull", "cranium", "head_neck"),
    "hip": ("femur", "thigh", "upper_leg", "upperleg"),
    "knee": ("tibia", "shank", "shin", "lower_leg", "lowerleg", "calf"),
    "ankle": ("talus", "foot", "ankle", "calcn", "calcaneus"),
    "toe": ("toes", "toe", "forefoot"),
    "shoulder": ("humerus", "upper_arm", "upperarm"),
    "elbow": ("ulna", "forearm", "lower_arm", "lowerarm", "radius"),
    "wrist": ("lunate", "proximal_row", "hand", "wrist", "carpals"),
}
"""What the bodies that begin at a landmark are called, without their side; the first names go first."""
_SIDE = re.compile(
    r"(?i:^(r|l|right|left)[_.\- ]|[_.\- ](r|l|right|left)$|^(right|left)|(right|left)$)|(?<=[a-z])([RL])$"
)
_LEG, _ANKLE = 0.491, 0.079
"""Thigh plus shank in body heights, and the height of the ankle in lengths of thigh plus shank (Winter 2009)."""
_HEIGHTS = {"thorax": 0.288, "head": 0.405, "vertex": 0.47}
"""Heights above the hips, in body heights (Winter 2009)."""
_ARM = {"shoulder": (0.129, 0.288), "elbow": (0.129, 0.102), "wrist": (0.129, -0.044)}
"""Distance from the middle and height above the hips of hanging arms, in body heights (Winter 2009)."""
_BALL, _HEEL, _SOLE = 0.161, -0.052, 0.03
"""Ball and heel ahead of the ankle in lengths of thigh plus shank, and the radius of a sole that has no geom [m]."""
_QUARTER_TURN = 0.02
"""By what a quaternion whose greatest number is 1 may differ from quarter turns and is taken as them: 1 degree."""
_REGIONS = {
    **{"pelvis": "pelvis", "trunk": "thorax", "head": "head"},
    **{"shank": "knee", "thigh": "hip", "upper_arm": "shoulder", "forearm": "elbow", "hand": "wrist"},
}
"""Landmark at which the body of a contact region begins."""
_WHOLE = ("hand", "head")
"""Regions that go on to the end of their limb."""


@dataclass
class Draft:
    """A recipe, and which of its values are no more than guesses.

    Attributes:
        values: The recipe, as YAML has it.
        guessed: What each guess rests on, by what was guessed.
    """

    values: dict[str, Any]
    guessed: dict[str, str] = field(default_factory=dict)


def draft_recipe(file: Path, source: str, title: str) -> Draft:
    """Make a recipe for an MJCF model whose bodies are called as usual.

    Args:
        file: The model.
        source: The path that the recipe says.
        title: The title of the body.

    Raises:
        MsemuError: The model is no person: no pelvis or leg is found.
    """
    spec, _ = read_mjcf(file)
    try:
        model = spec.compile()
    except ValueError as error:
        raise MsemuError(f"{file} does not compile: {' '.join(str(error).split())}") from error
    return _Person(file, model).draft(source, title)


class _Person:
    """A compiled model in its own zero pose, and where its landmarks are."""

    def __init__(self, file: Path, model: mujoco.MjModel):
        self.model, self.data = model, at_pose(model, model.qpos0)
        self.bodies = self._find_bodies()
        self._require(file)
        self.points = {name: self._anchor(body) for name, body in self.bodies.items() if name[-2:] in ("_r", "_l")}
        self.guessed: dict[str, str] = {}
        self.hips = 0.5 * (self.points["hip_r"] + self.points["hip_l"])
        self.leg = float(
            np.linalg.norm(np.diff([self.points[f"{j}_r"] for j in ("hip", "knee", "ankle")], axis=0), axis=1).sum()
        )
        self._guess_trunk()
        self._guess_arms()
        self._guess_toes()

    def draft(self, source: str, title: str) -> Draft:
        """Return the recipe."""
        landmarks = {name: self._place(name) for name in LANDMARKS}
        capsules = {
            f"sole_{side}": self._sole(side) for side in "rl" if not len(self._touching(self.bodies[f"ankle_{side}"]))
        }
        values = {
            "title": title,
            "description": f"{title}, from {Path(source).name}.",
            "source": {"path": source, "license": "not stated"},
            "timestep_s": 0.002,
            "root_body": self.model.body(self._root()).name,
            "root_quaternion": self._root_quaternion(),
            "landmarks": landmarks,
            "points": {"vertex": self._place("vertex")},
            "contact_capsules": capsules,
            "contact_regions": self._regions(),
        }
        return Draft({key: value for key, value in values.items() if value}, self.guessed)

    def _find_bodies(self) -> dict[str, int]:
        """Return the body that begins at each landmark that the names of bodies give."""
        named: dict[tuple[str, str], int] = {}
        for body in range(1, self.model.nbody):
            name = self.model.body(body).name
            found = _SIDE.search(name)
            side = next(part for part in found.groups() if part)[0].lower() if found else ""
            named.setdefault((_SIDE.sub("", name).strip("_.- ").lower(), side), body)
        bodies = {}
        for landmark, names in _NAMES.items():
            for side in ("",) if landmark in ("pelvis", "thorax", "head") else ("r", "l"):
                for name in reversed(names):
                    if (name, side) in named:
                        bodies[f"{landmark}_{side}" if side else landmark] = named[name, side]
        return bodies

    def _require(self, file: Path) -> None:
        needed = [f"{joint}_{side}" for joint in ("hip", "knee", "ankle") for side in "rl"]
        missing = [name for name in needed if name not in self.bodies]
        if missing:
            names = [self.model.body(body).name for body in range(1, self.model.nbody)]
            wanted = ", ".join(f"{_NAMES[name[:-2]][0]}{name[-2:]}" for name in missing)
            raise MsemuError(
                f"{file} has no bodies {wanted} or of names like them, but {', '.join(names[:12])}"
                f"{' ...' if len(names) > 12 else ''}: write the recipe by hand (docs/own_body.md)"
            )
        self.bodies.setdefault("pelvis", int(self.model.body_parentid[self.bodies["hip_r"]]))

    def _anchor(self, body: int) -> np.ndarray:
        """Return where the joint of a body turns [m], or else where its frame is."""
        hinges = self._joints(body)
        return self.data.xanchor[hinges].mean(axis=0) if len(hinges) else self.data.xpos[body].copy()

    def _joints(self, body: int) -> np.ndarray:
        turning = (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_BALL)
        return np.flatnonzero((self.model.jnt_bodyid == body) & np.isin(self.model.jnt_type, turning))

    @property
    def axes(self) -> np.ndarray:
        """Forward, left and up, from hip to hip and the vertical, as columns, shape [3, 3]."""
        left = self.points["hip_l"] - self.points["hip_r"]
        left[2] = 0.0
        left /= np.linalg.norm(left)
        return np.stack([np.cross(left, [0.0, 0.0, 1.0]), left, [0.0, 0.0, 1.0]], axis=1)

    def _from_hips(self, forward: float, left: float, up: float) -> np.ndarray:
        """Return a point by its distance from the middle of the hips, in body heights [m]."""
        return self.hips + self.leg / _LEG * self.axes @ [forward, left, up]

    def _guess_trunk(self) -> None:
        self.points["pelvis"] = self.hips
        shoulders = [self.points[name] for name in ("shoulder_r", "shoulder_l") if name in self.points]
        carrier = self.bodies["pelvis"]
        for name in ("thorax", "head"):
            if name not in self.bodies:
                self.bodies[name] = carrier
                self.guessed[name] = f"no body is called {' or '.join(_NAMES[name][:3])}"
            carrier = self.bodies[name]
            self.points[name] = self._from_hips(0.0, 0.0, _HEIGHTS[name])
        if len(shoulders) == 2:
            self.points["thorax"] = 0.5 * (shoulders[0] + shoulders[1])
        else:
            self.guessed["thorax"] = "at the height of a mean person's shoulders"
        self.bodies["vertex"], self.points["vertex"] = (
            self.bodies["head"],
            self._from_hips(0.0, 0.0, _HEIGHTS["vertex"]),
        )
        skull = self._geoms(self.bodies["head"])
        if "head" not in self.guessed and len(skull):
            top, bottom = (self._extreme(skull, sign * np.array([0.0, 0.0, 1.0])) for sign in (1, -1))
            self.points["vertex"], self.points["head"] = top, 0.5 * (top + bottom)
        else:
            self.guessed["vertex"] = self.guessed["head"] = "at the height of a mean person's head"

    def _guess_arms(self) -> None:
        for side, sign in (("r", -1.0), ("l", 1.0)):
            carrier = "thorax"
            for joint, (aside, above) in _ARM.items():
                name = f"{joint}_{side}"
                if name not in self.bodies:
                    self.bodies[name] = self.bodies[carrier]
                    self.points[name] = self._from_hips(0.0, sign * aside, above)
                    self.guessed[name] = "no body of an arm is called as usual: a mean person's arm, hanging"
                carrier = name

    def _guess_toes(self) -> None:
        for side in "rl":
            if f"toe_{side}" not in self.bodies:
                self.bodies[f"toe_{side}"] = self.bodies[f"ankle_{side}"]
                self.points[f"toe_{side}"] = self.points[f"ankle_{side}"] + self.leg * self.axes @ [_BALL, 0.0, -_ANKLE]
                self.guessed[f"toe_{side}"] = "no body is called toes: a mean person's ball of the foot"

    def _place(self, name: str) -> dict[str, Any]:
        body = self.bodies[name]
        local = self.data.xmat[body].reshape(3, 3).T @ (self.points[name] - self.data.xpos[body])
        return {"body": self.model.body(body).name, "position": [round(float(value), 4) + 0.0 for value in local]}

    def _root(self) -> int:
        return int(self.model.body_rootid[self.bodies["pelvis"]])

    def _root_quaternion(self) -> list[float]:
        """Return the orientation of the root in which the body, upright in its zero pose, faces +x."""
        turned, quaternion = self.axes.T @ self.data.xmat[self._root()].reshape(3, 3), np.zeros(4)
        mujoco.mju_mat2Quat(quaternion, turned.flatten())
        quaternion /= quaternion[np.abs(quaternion).argmax()]
        turns = np.round(quaternion)
        quaternion = turns if np.abs(quaternion - turns).max() < _QUARTER_TURN else quaternion
        return [round(float(value), 4) + 0.0 for value in quaternion]

    def _below(self, body: int) -> Iterable[int]:
        found = {body}
        for other in range(body + 1, self.model.nbody):
            if self.model.body_parentid[other] in found:
                found.add(other)
        return found

    def _geoms(self, body: int) -> np.ndarray:
        """Return the geoms of a body and those below it that have an end."""
        endless = (mujoco.mjtGeom.mjGEOM_PLANE, mujoco.mjtGeom.mjGEOM_HFIELD)
        owned = np.isin(self.model.geom_bodyid, list(self._below(body)))
        return np.flatnonzero(owned & ~np.isin(self.model.geom_type, endless))

    def _touching(self, body: int) -> np.ndarray:
        geoms = self._geoms(body)
        return geoms[(self.model.geom_contype[geoms] | self.model.geom_conaffinity[geoms]) > 0]

    def _extreme(self, geoms: np.ndarray, direction: np.ndarray) -> np.ndarray:
        axes = self.data.geom_xmat[geoms].reshape(-1, 3, 3)
        points = support_points(self.model, geoms, self.data.geom_xpos[geoms], axes, direction)
        return points[(points @ direction).argmax()]

    def _sole(self, side: str) -> dict[str, Any]:
        """Return a capsule from heel to ball, for a foot of which nothing can touch the floor."""
        self.guessed[f"sole_{side}"] = "nothing of the foot can touch the floor: a capsule from heel to ball"
        body, ankle = self.bodies[f"ankle_{side}"], self.points[f"ankle_{side}"]
        ends = [ankle + self.axes @ [ahead * self.leg, 0.0, _SOLE - _ANKLE * self.leg] for ahead in (_HEEL, _BALL)]
        local = [self.data.xmat[body].reshape(3, 3).T @ (end - self.data.xpos[body]) for end in ends]
        start, end = ([round(float(value), 4) + 0.0 for value in point] for point in local)
        return {"body": self.model.body(body).name, "start": start, "end": end, "radius_m": _SOLE}

    def _regions(self) -> dict[str, dict[str, str]]:
        """Return the parts that can touch the floor: the feet, and all others of which a geom can collide."""
        regions = {f"foot_{side}": {"subtree": self.model.body(self.bodies[f"ankle_{side}"]).name} for side in "rl"}
        taken = {body for side in "rl" for body in self._below(self.bodies[f"ankle_{side}"])}
        for region, landmark in _REGIONS.items():
            for suffix in ("",) if landmark in self.bodies else ("_r", "_l"):
                body = self.bodies[landmark + suffix]
                own = self._touching(body)
                if region not in _WHOLE:
                    own = own[self.model.geom_bodyid[own] == body]
                if len(own) and body not in taken:
                    taken.add(body)
                    kind = "subtree" if region in _WHOLE else "body"
                    regions[region + suffix] = {kind: self.model.body(body).name}
        return regions
