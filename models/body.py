"""A musculoskeletal body, compiled and ready to simulate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import mujoco
import numpy as np

from msemu.models.couplings import Couplings
from msemu.models.lean import make_lean
from msemu.models.recipe import Recipe
from msemu.muscle.paths.segments import MusclePaths
from msemu.schema import Capacity


@dataclass(frozen=True)
class Body:
    """A musculoskeletal body.

    The root is a free joint at ``qpos[0:7]`` and ``qvel[0:6]``; every other joint is a hinge or a slide, so
    joint ``j`` of `joint_names` stands at ``qpos[7 + j]`` and ``qvel[6 + j]``. Each landmark is a site
    ``landmark/<name>`` whose frame is, in the neutral pose, aligned with the world (x forward, y left, z up).

    Attributes:
        name: Name of the recipe, such as ``myofullbody``.
        model: The compiled model.
        spec: The edited specification that `model` was compiled from.
        neutral_qpos: Standing pose on the floor, facing +x, shape [nq].
        joint_names: Scalar joints in the order of ``qpos``.
        independent_joints: Indices into `joint_names` of the joints that no coupling prescribes.
        couplings: Polynomials that give the dependent joints.
        muscle_names: Actuators in the order of ``ctrl``.
        inert_muscles: Indices of muscles without a moment arm about any joint, by measurement.
        landmark_bodies: Body id of each of `LANDMARKS`, shape [L].
        landmark_positions: Landmark origin in its body's frame [m], shape [L, 3].
        landmark_quaternions: Landmark orientation in its body's frame (w, x, y, z), shape [L, 4].
        contact_regions: Ids of the geoms that can touch the floor, by region: ``foot_*``, ``shank_*``, ``thigh_*``,
            ``pelvis``, ``trunk``, ``head``, and on whole bodies ``upper_arm_*``, ``forearm_*``, ``hand_*``. The net
            wrench of the floor on a region is the sensor ``contact/<region>``: `msemu.sim.simulation.WRENCH` numbers.
        capacity: Capacity of the warp engine that suits the body, where it was measured.
        recipe: What it was made by.
        strength_set: How strong its muscles were made, see `msemu.models.strength.sets`; ``own``: not at all.
        provenance: Where the model comes from: package or path, version, license, sha256 of the model files.
        paths: Paths of the muscles over the bodies of a `lean` model; None where `model` has tendons.
    """

    name: str
    model: mujoco.MjModel
    spec: mujoco.MjSpec
    neutral_qpos: np.ndarray
    joint_names: tuple[str, ...]
    independent_joints: np.ndarray
    couplings: Couplings
    muscle_names: tuple[str, ...]
    inert_muscles: np.ndarray
    landmark_bodies: np.ndarray
    landmark_positions: np.ndarray
    landmark_quaternions: np.ndarray
    contact_regions: dict[str, np.ndarray]
    capacity: Capacity | None = None
    recipe: Recipe | None = None
    strength_set: str = "own"
    provenance: dict[str, str] = field(default_factory=dict)
    paths: MusclePaths | None = None

    @cached_property
    def lean(self) -> Body:
        """The same body for the engine alone, see `msemu.models.lean`, with its muscles as `paths`.

        Raises:
            MsemuError: A path or a joint is of a kind that this does not know.
        """
        paths, lean = MusclePaths.of(self.model), make_lean(self.model)
        owners = self.landmark_bodies
        frames = list(zip(owners, self.landmark_positions, self.landmark_quaternions, strict=True))
        return replace(
            self,
            model=lean.model,
            paths=paths.renumbered(lean.body),
            landmark_bodies=lean.body[owners],
            landmark_positions=np.array([lean.parts.point(body, place) for body, place, _ in frames]),
            landmark_quaternions=np.array([lean.parts.orientation(body, turn) for body, _, turn in frames]),
            contact_regions={region: lean.geom[geoms] for region, geoms in self.contact_regions.items()},
        )

    def under(self, gravity: np.ndarray) -> Body:
        """Return the same body under another gravity [m/s^2], shape [3]."""
        spec = self.spec.copy()
        spec.option.gravity = gravity
        return replace(self, spec=spec, model=spec.compile())

    def poses(self, joints: Mapping[str, np.ndarray | float], base: np.ndarray | None = None) -> np.ndarray:
        """Return poses with named joints at values [rad or m], shape [N] or one for all, as shape [N, nq].

        Coupled joints follow; all others are as in the pose ``base``, by default the neutral one.
        """
        qpos = np.tile(self.neutral_qpos if base is None else base, (max(map(np.size, joints.values())), 1))
        for name, values in joints.items():
            qpos[:, 7 + self.joint_names.index(name)] = values
        return self.couplings.project(qpos)

    @property
    def independent_dofs(self) -> np.ndarray:
        """Indices into ``qvel`` of the root and the independent joints, shape [D]."""
        return np.concatenate([np.arange(6), 6 + self.independent_joints])

    @property
    def is_hinge(self) -> np.ndarray:
        """Which of `joint_names` are hinges and no slides, bool, shape [J]."""
        return self.model.jnt_type[1:] == mujoco.mjtJoint.mjJNT_HINGE

    @property
    def mass(self) -> float:
        """Mass of the whole body [kg]."""
        return float(self.model.body_mass.sum())

    @property
    def weight(self) -> float:
        """Its weight [N]."""
        return self.mass * float(np.linalg.norm(self.model.opt.gravity))

    @property
    def num_muscles(self) -> int:
        """Number of muscles."""
        return len(self.muscle_names)
