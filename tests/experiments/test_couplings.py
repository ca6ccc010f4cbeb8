"""The study of coupled joints: which ones a group holds, and the fit of a center and an axis."""

import couplings
import numpy as np
import pytest
from scipy.spatial.transform import Rotation


def test_a_group_leaves_with_its_rows(legs) -> None:
    model = couplings.rigid(legs, couplings.GROUPS["patella"])
    assert (legs.lean.model.nv, legs.lean.model.neq) == (34, 14)
    assert (model.nv, model.neq) == (28, 8)
    assert couplings.rigid(legs, couplings.GROUPS["all"]).neq == 0
    assert not couplings.dependents(legs, couplings.GROUPS["wrist"])


def test_a_real_hinge_has_a_center_and_an_axis(legs) -> None:
    figures = couplings.fit(legs, "talus_r", "calcn_r", ("subtalar_angle_r",))
    assert list(figures.values()) == pytest.approx([0.0] * 4, abs=1e-6)


def test_rotation_off_an_axis() -> None:
    around = Rotation.from_rotvec(np.linspace(0.0, 1.0, 11)[:, None] * [0.0, 0.0, 1.0])
    assert max(couplings.off_axis(around.as_matrix()).values()) < 1e-6
    wobble = Rotation.from_rotvec([[0, 0, 0], [0, 0, 1.0], [0.1, 0, 0.5], [-0.1, 0, 0.5]])
    assert couplings.off_axis(wobble.as_matrix())["greatest [deg]"] == pytest.approx(np.degrees(0.1))
