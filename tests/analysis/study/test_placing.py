"""Rollouts and EMG laid along a clip."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up_rollout import made_up_rollout

from msemu.analysis.solutions.placing import activation_along
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.motion.rollout import Rollout


@pytest.fixture
def rollout(march: MotionClip, legs: Body) -> Rollout:
    """One and a half cycles behind the reference, which begins in frame 10; activations count the frames."""
    frames = (10 + np.arange(75)) % march.num_frames
    muscles = np.repeat(np.arange(75.0)[:, None], legs.num_muscles, axis=1) / 100.0
    reference = march.qpos[frames]
    return made_up_rollout(legs, reference + 0.01, march.qvel[frames], muscles, reference_qpos=reference)


def test_a_rollout_is_where_its_reference_is(rollout: Rollout, march: MotionClip, legs: Body, tmp_path: Path) -> None:
    rollout.save(tmp_path / "r.npz")
    found = activation_along(tmp_path / "r.npz", march, legs)
    assert found.shape == (march.num_frames, legs.num_muscles)
    assert found[[10, 33, 35, 9]][:, 0] == pytest.approx([(0 + 50) / 200, (23 + 73) / 200, 25 / 100, 49 / 100])


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"body": "myofullbody"}, "one body"),
        ({"reference_qpos": 3.0}, "one clip"),
    ],
)
def test_solutions_of_other_bodies_and_clips_are_refused(
    rollout: Rollout, march: MotionClip, legs: Body, tmp_path: Path, changes: dict, named: str
) -> None:
    if "reference_qpos" in changes:
        changes = {"reference_qpos": rollout.reference_qpos + changes["reference_qpos"]}
    replace(rollout, **changes).save(tmp_path / "r.npz")
    with pytest.raises(MsemuError, match=named):
        activation_along(tmp_path / "r.npz", march, legs)


def test_emg_over_a_cycle_is_for_cyclic_clips(march_once: MotionClip, legs: Body, tmp_path: Path) -> None:
    rows = "".join(f"{5 * k},0.5\n" for k in range(21))
    (tmp_path / "emg.csv").write_text("percent,soleus_r\n" + rows)
    with pytest.raises(MsemuError, match="not cyclic"):
        activation_along(tmp_path / "emg.csv", march_once, legs)
    (tmp_path / "emg.csv").write_text("percent,soleu_r\n" + rows)
    with pytest.raises(MsemuError, match="soleu_r"):
        activation_along(tmp_path / "emg.csv", replace(march_once, cyclic=True), legs)
