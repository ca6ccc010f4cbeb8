"""Paths without the engine's tendons, against MuJoCo's own on the same states."""

import mujoco
import numpy as np
import pytest
import warp as wp

from msemu.errors import MsemuError
from msemu.models import Body, load_body
from msemu.models.poses import random_poses
from msemu.muscle.paths.arms import PathArms
from msemu.muscle.paths.dynamics import EngineArrays, PathDynamics
from msemu.muscle.paths.segments import MusclePaths

NUM_POSES = 12


def engine_states(model: mujoco.MjModel, poses: np.ndarray) -> list[mujoco.MjData]:
    """The position and velocity stages of MuJoCo in poses, with random speeds and a turned root."""
    random, states = np.random.default_rng(0), []
    for qpos in poses:
        data = mujoco.MjData(model)
        data.qpos, data.qvel = qpos, random.normal(size=model.nv)
        data.qpos[3:7] = random.normal(size=4)
        mujoco.mj_normalizeQuat(model, data.qpos)
        mujoco.mj_fwdPosition(model, data)
        mujoco.mj_fwdVelocity(model, data)
        states.append(data)
    return states


class Measured:
    """Lengths, speeds, moment arms and generalized force of given forces by our kernels, in the states of MuJoCo."""

    def __init__(self, model: mujoco.MjModel, states: list[mujoco.MjData], force: np.ndarray, double: bool):
        real = wp.float64 if double else wp.float32
        vec3, mat33, vec6 = (wp.types.vector(3, real), wp.types.matrix((3, 3), real), wp.types.vector(6, real))

        def array(values: list[np.ndarray] | np.ndarray, dtype: type) -> wp.array:
            return wp.array(np.array(values, wp.dtype_to_numpy(real)), dtype=dtype, device="cpu")

        engine = EngineArrays(
            position=array([data.xpos for data in states], vec3),
            rotation=array([data.xmat.reshape(-1, 3, 3) for data in states], mat33),
            center=array([data.subtree_com for data in states], vec3),
            velocity=array([data.cvel for data in states], vec6),
            axis=array([data.cdof for data in states], vec6),
        )
        paths = PathDynamics(MusclePaths.of(model), model, double=double)
        lines, wrench = paths.allocate(len(states))
        length, speed, root = (array(np.zeros((len(states), count)), real) for count in (model.nu, model.nu, 6))
        pull, ones = array(np.zeros((len(states), model.nv)), real), array(np.ones((len(states), model.nv)), real)
        wp.launch(**paths.measure(engine, length, speed, lines))
        wp.launch(**paths.add_up(array(force, real), lines, wrench))
        wp.launch(**paths.pull(engine.axis, wrench, root, pull))
        arms = PathArms(paths, model, np.arange(model.nv))
        self.length, self.speed, self.pull = length.numpy(), speed.numpy(), pull.numpy()
        self.arms = np.zeros((len(states), model.nu, model.nv))
        self.arms[:, arms.muscle, arms.dof] = arms.read(engine.axis, ones, lines).numpy()


def dense_moment_arms(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    arms = np.zeros((model.nu, model.nv))
    mujoco.mju_sparse2dense(arms, data.actuator_moment, data.moment_rownnz, data.moment_rowadr, data.moment_colind)
    return arms


def greatest(ours: np.ndarray, theirs: list[np.ndarray]) -> float:
    return float(np.abs(ours - np.array(theirs)).max())


def check_parity(model: mujoco.MjModel, poses: np.ndarray) -> None:
    """In double precision to rounding, in single precision within what the issue of the paths asks for."""
    states = engine_states(model, poses)
    force = -np.random.default_rng(1).uniform(0.0, 1000.0, (len(states), model.nu))
    arms = [dense_moment_arms(model, data) for data in states]
    pulls = [moments.T @ row for moments, row in zip(arms, force, strict=True)]
    lengths = [data.actuator_length for data in states]
    speeds = [data.actuator_velocity for data in states]
    double, single = (Measured(model, states, force, precision) for precision in (True, False))
    assert greatest(double.length, lengths) < 1e-12
    assert greatest(double.speed, speeds) < 1e-12
    assert greatest(double.arms, arms) < 1e-12
    assert greatest(double.pull, pulls) < 1e-8
    assert greatest(single.length, lengths) < 1e-6
    assert greatest(single.speed, speeds) < 1e-4
    assert greatest(single.pull, pulls) < 1e-4 * np.abs(pulls).max()


@pytest.mark.parametrize("name", ["myolegs", "myofullbody"])
def test_paths_are_those_of_the_engine(name: str) -> None:
    body = load_body(name)
    check_parity(body.model, random_poses(body.model, NUM_POSES, seed=1))


SURFACES = """
<mujoco>
  <worldbody>
    <body name="root" pos="0 0 1"><freejoint name="root"/>
      <geom size=".05"/>
      <site name="a" pos=".02 .01 .3"/> <site name="fixed" pos=".01 .02 .2"/>
      <geom name="ball" type="sphere" size=".06" pos="0 .01 -.1"/>
      <geom name="pipe" type="cylinder" size=".05 .2" euler="80 10 0" pos="0 0 -.1"/>
      <site name="front" pos=".2 0 -.1"/> <site name="back" pos="-.2 0 -.1"/> <site name="within" pos=".01 0 -.1"/>
      <body name="middle" pos="0 0 -.1"><joint name="bend" axis="0 1 0" range="-115 115"/><geom size=".03"/>
        <body name="leg" pos="0 0 -.02"><geom size=".03"/> <site name="b" pos=".01 0 -.4"/>
          <body name="end" pos="0 0 -.2"><joint name="slide" type="slide" axis="0 0 1" range="-.1 .1"/>
            <joint name="turn" axis="1 0 0" range="-115 115"/><geom size=".02"/><site name="c" pos="0 .03 -.2"/></body>
        </body>
      </body>
    </body>
  </worldbody>
  <tendon>TENDONS</tendon>
  <actuator>MUSCLES</actuator>
</mujoco>
"""
ROUTES = {
    "straight": '<site site="a"/><site site="fixed"/><site site="b"/><site site="c"/>',
    "around a ball": '<site site="a"/><geom geom="ball"/><site site="b"/>',
    "on the front of a ball": '<site site="a"/><geom geom="ball" sidesite="front"/><site site="c"/>',
    "on the back of a pipe": '<site site="a"/><geom geom="pipe" sidesite="back"/><site site="b"/>',
    "on the front of a pipe": '<site site="a"/><geom geom="pipe" sidesite="front"/><site site="c"/>',
    "around a pipe": '<site site="a"/><geom geom="pipe"/><site site="c"/>',
    "inside a pipe": '<site site="a"/><geom geom="pipe" sidesite="within"/><site site="b"/>',
    "within a part": '<site site="a"/><site site="fixed"/>',
}


def model_of(routes: dict[str, str]) -> mujoco.MjModel:
    tendons = "".join(f'<spatial name="{name}">{route}</spatial>' for name, route in routes.items())
    muscles = "".join(f'<muscle name="{name}" tendon="{name}" lengthrange="0 1"/>' for name in routes)
    return mujoco.MjModel.from_xml_string(SURFACES.replace("TENDONS", tendons).replace("MUSCLES", muscles))


def test_every_kind_of_surface_is_passed_as_in_the_engine() -> None:
    model = model_of(ROUTES)
    poses = random_poses(model, 200, seed=2)
    check_parity(model, poses)
    touched = np.array([surfaces_touched(model, data) for data in engine_states(model, poses)])
    share = dict(zip(ROUTES, touched.mean(0), strict=True))
    assert all(0.05 < share[name] < 0.95 for name in share if "ball" in name or "pipe" in name), share


def surfaces_touched(model: mujoco.MjModel, data: mujoco.MjData) -> list[bool]:
    """Which paths run over a surface: one of their points is on a geom and not a site."""
    objects = data.wrap_obj.ravel()
    paths = zip(data.ten_wrapadr, data.ten_wrapnum, strict=True)
    return [bool((objects[start : start + count] >= 0).any()) for start, count in paths]


def test_a_joint_outside_of_a_paths_span_has_no_moment_arm(legs: Body) -> None:
    model = legs.model
    states = engine_states(model, random_poses(model, 2, seed=3))
    arms = Measured(model, states, np.zeros((2, model.nu)), double=False).arms
    soleus = legs.muscle_names.index("soleus_r")
    assert not arms[:, :, :6].any(), "no muscle moves the root"
    assert not arms[:, soleus, [model.joint(f"{joint}_r").dofadr[0] for joint in ("hip_flexion", "knee_angle")]].any()
    assert np.abs(arms[:, soleus, model.joint("ankle_angle_r").dofadr[0]]).min() > 0.01


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ('<site site="a"/><site site="b"/><pulley divisor="2"/><site site="b"/><site site="c"/>', "pulley"),
        ('<site site="a"/><site site="c"/>', "force of its own"),
    ],
)
def test_what_is_not_supported_is_said(extra: str, reason: str) -> None:
    model = model_of({"straight": ROUTES["straight"], "extra": extra})
    if "pulley" not in extra:
        model.tendon_stiffness[1] = 100.0
    with pytest.raises(MsemuError, match=reason):
        MusclePaths.of(model)


def test_joints_as_actuators_are_not_supported() -> None:
    text = SURFACES.replace("TENDONS", "").replace("MUSCLES", '<motor joint="bend"/>')
    with pytest.raises(MsemuError, match="no muscle on a tendon"):
        MusclePaths.of(mujoco.MjModel.from_xml_string(text))
