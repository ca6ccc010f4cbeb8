"""Atlases of solutions with constant activations, whose figures are closed forms."""

from dataclasses import fields

import numpy as np

from msemu.analysis.mechanics.energy.metabolic import MuscleMass
from msemu.analysis.study.atlas import Atlas, Tolerances
from msemu.analysis.study.course import Courses
from msemu.analysis.study.loads import JointLoads

BINS, MUSCLES = 5, 3
LOADS = JointLoads(
    bearing=("hip_r",),
    inertial=np.zeros((BINS, 1, 3)),
    pull=np.tile([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [-1.0, -2.0, 0.0]], (BINS, 1, 1, 1)),
    carries=np.array([[1.0, 0.0]]),
    active=np.full((BINS, MUSCLES), 100.0),
    passive=np.zeros((BINS, MUSCLES)),
    stiff=("hip_flexion_r",),
    active_stiffness=np.tile([10.0, 20.0, 0.0], (BINS, 1, 1)),
    passive_stiffness=np.full((BINS, 1), 3.0),
    weight=100.0,
)
"""A hip whose muscles pull with one and two body weights; the right foot is beyond it."""


MUSCLE_MASS = MuscleMass(15.0, 0.2, True)


def made_up(activation: list[list[float]], **values: list[float]) -> Courses:
    """Solutions with constant activations; what is not given is of a body that follows well."""
    count = len(activation)
    usual = {each.name: np.zeros(count) for each in fields(Courses)} | dict.fromkeys(
        ("survived", "metabolic_w"), np.ones(count)
    )
    courses = usual | {name: np.array(each) for name, each in values.items()}
    courses["activation"] = np.repeat(np.array(activation)[:, None], BINS, axis=1)
    courses["angle_deg"] = np.zeros((count, BINS, 2))
    ground = np.zeros((count, BINS, 2, 3))
    ground[:, :, :, 2] = np.array(values.get("vertical", np.zeros(count)))[:, None, None]
    courses.pop("vertical", None)
    return Courses(**{**courses, "ground_bw": ground})


def atlas_of(courses: Courses, matrix: list[list[float]] | None = None) -> Atlas:
    count = len(courses.activation)
    torque = np.repeat(np.array(matrix or [[1.0, 1.0, 0.0]])[None], BINS, axis=0)
    names = ("base", *(f"other {place}" for place in range(1, count)))
    return Atlas(names, courses, torque, LOADS, Tolerances(), MUSCLE_MASS)
