"""Sets of strength: how strong the muscles of a body are made; the values are in `cfg/strength`."""

from dataclasses import dataclass, replace

import numpy as np

from msemu.config import build, cfg_file, cfg_names, read_yaml
from msemu.errors import MsemuError, suggestion
from msemu.models.body import Body
from msemu.models.mirror import mirror_names
from msemu.models.strength.moments import joint_of, muscle_moments, within
from msemu.models.strength.published import strength_table
from msemu.schema.ranges import Positive

OWN = "own"
"""The set that leaves a body as it is."""
GREATEST_FACTOR = 6.0
"""No muscle of a set is made more times as strong; the back of MyoFullBody needs 5.2."""
_FORCE, _SCALE = 2, 3  # places in the parameters of a muscle
_ROUNDS = 200
_LEAST_NM = 0.01
"""A muscle that gives less to a movement [N m] has no part in it."""


@dataclass(frozen=True)
class SetFigure:
    """A torque that a set asks for.

    Attributes:
        movement: Its name.
        asked: Torque that the set asks for [N m].
        own: What the muscles of the body give [N m].
        given: What they give in the set [N m].
    """

    movement: str
    asked: float
    own: float
    given: float


def strength_sets() -> list[str]:
    """Return the names of the sets."""
    return [OWN, *cfg_names("strength")]


def with_strength(body: Body, name: str) -> Body:
    """Return a body whose muscles are as strong as a set says; their active and passive forces grow alike.

    Raises:
        MsemuError: There is no such set, or the body was made as strong as another one.
    """
    if name == body.strength_set:
        return body
    if name not in strength_sets():
        raise MsemuError(f"there is no strength set '{name}'{suggestion(name, strength_sets())}")
    if body.strength_set != OWN:
        raise MsemuError(f"{body.name} has the strength set '{body.strength_set}' already; load it anew for '{name}'")
    return as_strong(body, name, strength_factors(body, name))


def as_strong(body: Body, name: str, factors: np.ndarray) -> Body:
    """Return a body whose muscles have the factors of a set, shape [M], whatever the set says today."""
    return replace(_scaled(body, factors), strength_set=name)


def multiplied(body: Body, factor: float) -> Body:
    """Return a body all of whose muscles are so many times as strong, active and passive force alike."""
    return body if factor == 1.0 else _scaled(body, np.full(body.num_muscles, factor))


def _scaled(body: Body, factors: np.ndarray) -> Body:
    spec = body.spec.copy()
    for muscle, factor in zip(body.muscle_names, factors, strict=True):
        actuator = spec.actuator(muscle)
        for parameters in (actuator.gainprm, actuator.biasprm):
            parameters[_FORCE if parameters[_FORCE] >= 0 else _SCALE] *= factor
        before = actuator.userdata[0] if len(actuator.userdata) else 1.0
        actuator.userdata = [factor * before]  # for forces that a parameter file gives, see msemu.muscle.overrides
    return replace(body, spec=spec, model=spec.compile())


def strength_factors(body: Body, name: str) -> np.ndarray:
    """Return the factor of each muscle's force in a set, 1 to `GREATEST_FACTOR`, shape [M].

    Each movement that gives less than the set asks, at that of the published angles where it is strongest, has its
    muscles made stronger by one factor. A muscle of several movements takes what each adds to 1 in the share that it
    gives there of the greatest moment that it gives anywhere. These factors are the ones nearest to 1 that reach all
    torques (least squares, each muscle counted by its greatest moment; Hildreth's ascent in the dual), and a movement
    that would need more than the greatest factor stays short of its torque.
    """
    return _factors(body, _asked(body, name))


@dataclass(frozen=True)
class Asked:
    """What a set asks of a body.

    Attributes:
        movements: Their names, [G].
        torque: Torque that is asked for [N m], [G].
        moments: What each muscle of the body gives there [N m], [G, M].
    """

    movements: tuple[str, ...]
    torque: np.ndarray
    moments: np.ndarray


def set_figures(body: Body, name: str) -> list[SetFigure]:
    """Return what a set asks of a body that has its own strength, and what the body gives before and after."""
    if name == OWN:
        return []
    asked = _asked(body, name)
    own, given = asked.moments.sum(axis=1), asked.moments @ _factors(body, asked)
    rows = zip(asked.movements, asked.torque, own, given, strict=True)
    return [SetFigure(movement, *map(float, figures)) for movement, *figures in rows]


def _factors(body: Body, asked: Asked) -> np.ndarray:
    if not asked.movements:
        return np.ones(body.num_muscles)
    either = np.maximum(asked.moments, asked.moments[:, _images(body)])  # movements of a limb are measured on the right
    either = np.where(either > _LEAST_NM, either, 0.0)
    shares = either / np.maximum(either.max(axis=0), _LEAST_NM)
    reach = (asked.moments * shares).sum(axis=1)
    added = np.zeros(len(reach))
    for _ in range(_ROUNDS):
        for row, moments in enumerate(asked.moments):
            missing = asked.torque[row] - moments @ _bounded(added @ shares)
            added[row] = np.clip(added[row] + missing / max(reach[row], 1e-9), 0.0, GREATEST_FACTOR - 1.0)
    return _bounded(added @ shares)


def _bounded(added: np.ndarray) -> np.ndarray:
    return np.minimum(1.0 + added, GREATEST_FACTOR)


@dataclass(frozen=True)
class _StrengthSet:
    torque: dict[str, Positive]
    """Torque [N m per kg of body mass] by movement."""


def _asked(body: Body, name: str) -> Asked:
    names, torque, moments = [], [], []
    path, known = cfg_file("strength", name), strength_table().movements
    for title, peak in build(_StrengthSet, {"torque": read_yaml(path)}, str(path)).torque.items():
        if title not in known:
            raise MsemuError(f"{path}: there is no movement '{title}'{suggestion(title, known)}")
        movement, joint = known[title], joint_of(body, known[title])
        angles = within(body, joint, np.array(movement.angles_deg, float)) if joint else np.empty(0)
        if len(angles):
            at_angles = muscle_moments(body, movement, angles)
            names.append(title)
            torque.append(peak * body.mass)
            moments.append(at_angles[at_angles.sum(axis=1).argmax()])
    return Asked(tuple(names), np.array(torque), np.array(moments))


def _images(body: Body) -> list[int]:
    """Return the index of each muscle's counterpart on the other side, or its own, [M]."""
    names, pairs = list(body.muscle_names), mirror_names(body.muscle_names)
    return [names.index(pairs.get(name, name)) for name in names]
