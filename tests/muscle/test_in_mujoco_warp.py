"""The muscles inside MuJoCo Warp's step, as its callback, against MuJoCo C."""

import mujoco
import numpy as np
import pytest
import warp as wp

from msemu.muscle.dynamics import MuscleDynamics
from msemu.muscle.parameters import MuscleParameters
from msemu.schema import LEVELS, MuscleCfg

NUM_WORLDS = 3
NUM_STEPS = 100
PENDULUM = """
<mujoco>
  <option timestep="0.002"/>
  <worldbody>
    <site name="origin" pos="0 0 0.3"/>
    <body>
      <joint axis="0 1 0" damping="0.05"/>
      <geom size="0.1" pos="0.2 0 0"/>
      <site name="insertion" pos="0.1 0 0"/>
    </body>
  </worldbody>
  <tendon><spatial name="path"><site site="origin"/><site site="insertion"/></spatial></tendon>
  <actuator><muscle name="biceps" tendon="path" lengthrange="0.2 0.4" range="0.6 1.4" force="200"/></actuator>
</mujoco>
"""


@pytest.fixture(scope="module")
def final_states() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Joint angle and activation after captured steps at each level, each of shape [num_worlds, 1]."""
    mujoco_warp = pytest.importorskip("mujoco_warp")
    plain = mujoco.MjModel.from_xml_string(PENDULUM)
    parameters = MuscleParameters.of(plain)
    # The engine integrates activation by the rate that the callback writes; MuJoCo Warp would not for a user type.
    plain.actuator_dyntype[:] = mujoco.mjtDyn.mjDYN_INTEGRATOR
    plain.actuator_gaintype[:] = mujoco.mjtGain.mjGAIN_USER
    plain.actuator_biastype[:] = mujoco.mjtBias.mjBIAS_USER
    states = {}
    with wp.ScopedDevice("cpu"):
        for level in LEVELS:
            model = mujoco_warp.put_model(plain)
            data = mujoco_warp.put_data(plain, mujoco.MjData(plain), nworld=NUM_WORLDS)
            data.ctrl.fill_(0.7)
            muscles = MuscleDynamics(parameters, NUM_WORLDS, plain.opt.timestep, MuscleCfg(level=level))
            mujoco_warp.fwd_position(model, data)
            mujoco_warp.fwd_velocity(model, data)
            muscles.reset(wp.ones(NUM_WORLDS, dtype=bool), data.actuator_length, data.actuator_velocity, data.act)
            model.callback.act_dyn = lambda _, d, muscles=muscles: muscles.step(
                d.ctrl, d.actuator_length, d.actuator_velocity, d.act, d.act_dot, d.actuator_force
            )
            with wp.ScopedCapture() as capture:
                mujoco_warp.step(model, data)
            for _ in range(NUM_STEPS):
                wp.capture_launch(capture.graph)
            states[level] = data.qpos.numpy().copy(), data.act.numpy().copy()
    return states


@pytest.mark.slow
def test_the_mujoco_level_moves_as_mujoco_does(final_states: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    model = mujoco.MjModel.from_xml_string(PENDULUM)
    data = mujoco.MjData(model)
    data.ctrl[:] = 0.7
    for _ in range(NUM_STEPS):
        mujoco.mj_step(model, data)
    angle, activation = final_states["mujoco"]
    np.testing.assert_allclose(angle, np.tile(data.qpos, (NUM_WORLDS, 1)), atol=1e-5)
    np.testing.assert_allclose(activation, np.tile(data.act, (NUM_WORLDS, 1)), atol=1e-5)


@pytest.mark.slow
def test_every_level_moves_the_body(final_states: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    angles = {level: float(angle[0, 0]) for level, (angle, _) in final_states.items()}
    assert all(np.isfinite(list(angles.values())))
    assert len({round(angle, 3) for angle in angles.values()}) == len(LEVELS)
    for _, activation in final_states.values():
        np.testing.assert_allclose(activation, final_states["mujoco"][1], atol=1e-6)
