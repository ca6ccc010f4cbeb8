"""Sets of strength: how strong the muscles of a body are made; the values are in `cfg/strength`."""

from dataclasses import replace

import numpy as np

from msemu.config import cfg_file, cfg_names, read_yaml
from msemu.errors import MsemuError, suggestion
from msemu.models.body import Body
from msemu.models.mirror import mirror_names
from msemu.models.strength.moments import joint_of, muscle_moments, within
from msemu.models.strength.published import strength_table

OWN = "own"
"""The set that leaves a body as it is."""
_FORCE, _SCALE = 2, 3  # places in the parameters of a muscle
_ROUNDS = 20
_LEAST_NM = 0.01
"""A muscle that gives less to every movement [N m] belongs to none."""


def strength_sets() -> list[str]:
    """Return the names of the sets."""
    return [OWN, *cfg_names("strength")]


def with_strength(body: Body, name: str) -> Body:
    """Return a body whose muscles are as strong as a set says; their active and passive forces grow alike.

    Raises:
        MsemuError: There is no such set, or the body was made as strong as another one.
    """
    if name not in strength_sets():
        raise MsemuError(f"there is no strength set '{name}'{suggestion(name, strength_sets())}")
    if name == body.strength_set:
        return body
    if body.strength_set != OWN:
        raise MsemuError(f"{body.name} has the strength set '{body.strength_set}' already; load it anew for '{name}'")
    return replace(_scaled(body, strength_factors(body, name)), strength_set=name)


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
    """Return the factor of each muscle's force in a set, at least 1, shape [M].

    Each muscle belongs to the movement to which it gives most. The muscles of a movement get one factor, so that
    together, with what those of other movements give to it, they reach the torque of the set at that of the published
    angles where they are strongest.
    """
    wanted, moments = _movements(body, read_yaml(cfg_file("strength", name)))
    if not len(wanted):
        return np.ones(body.num_muscles)
    either = np.maximum(moments, moments[:, _images(body)])  # movements of a leg are measured on the right
    movement = either.argmax(axis=0)
    members = (movement == np.arange(len(wanted))[:, None]) & (either.max(axis=0) > _LEAST_NM)
    factors = np.ones(len(wanted))
    for _ in range(_ROUNDS):
        given = moments * factors[movement]
        own = (given * members).sum(axis=1)
        missing = wanted - given.sum(axis=1)
        factors = np.maximum(1.0, factors * np.maximum(own + missing, 0.0) / np.maximum(own, 1e-9))
    return np.where(members.any(axis=0), factors[movement], 1.0)


def _movements(body: Body, peaks: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return the torque of each movement in a set [N m], [G], and what each muscle gives to it at its peak [G, M]."""
    wanted, moments = [], []
    for name, peak in peaks.items():
        movement = strength_table().movements[name]
        joint = joint_of(body, movement)
        if joint is not None:
            at_angles = muscle_moments(body, movement, within(body, joint, np.array(movement.angles_deg, float)))
            moments.append(at_angles[at_angles.sum(axis=1).argmax()])
            wanted.append(peak * body.mass)
    return np.array(wanted), np.array(moments)


def _images(body: Body) -> list[int]:
    """Return the index of each muscle's counterpart on the other side, or its own, [M]."""
    names, pairs = list(body.muscle_names), mirror_names(body.muscle_names)
    return [names.index(pairs.get(name, name)) for name in names]
