"""The action spaces: found by name, exact when resumed, and each doing what it says."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch
import yaml
from command_line import run

from msemu.cli.training import train
from msemu.config import load_named
from msemu.control.dynamics import DynamicsReader, EngineDynamics
from msemu.control.tracking.foot_placement import FootPlacement
from msemu.control.tracking.springs import RootDeviation, pull
from msemu.envs.action.space import ActionSpace, Scene
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.rl.assemble import open_policy
from msemu.rl.run_folder import RunFolder
from msemu.schema import ActionCfg, FootPlacementCfg, ScheduleCfg, SpringCfg, TaskCfg, TrainCfg

TASK = "Msemu-Track-MyoLegs-v0"
SPACES = ("excitation", "residual", "residual_controller", "joint")


def make_env(cfg: TaskCfg, legs: Body, clip: MotionClip, action: str, seed: int = 0) -> MotionTrackingEnv:
    cfg.env.action = load_named(ActionCfg, action)
    return MotionTrackingEnv(cfg, legs, clip, seed)


def own_space(folder: Path, **values: object) -> str:
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump(values))
    return str(path)


def test_the_native_space_is_the_sigmoid_to_the_bit(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> None:
    env = make_env(tracking_cfg, legs, march, "excitation")
    actions = torch.randn(4, 80, generator=torch.Generator().manual_seed(0))
    env.step(actions)
    assert torch.equal(env.transition.muscles.excitation, torch.sigmoid(5.0 * (actions - 0.5)))
    assert (env.transition.previous_excitation == env.cfg.env.reset_activation).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "the key 'kind' is missing; known: excitation, joint, residual"),
        ({"kind": "msemu.envs.action.joint:Nowhere"}, "unknown action .*Nowhere.*known: excitation"),
        ({"kind": "msemu.envs.action.space:Scene"}, "needs a dataclass Cfg that derives from ActionCfg"),
        ({"kind": "joint", "ofset_rad": 1.0}, "did you mean offset_rad"),
        ({"kind": "joint", "offset_rad": -1.0}, "offset_rad: -1 is not above 0"),
        (
            {"base": "action/joint.yaml", "controller": {"joints": {"natural_frequency_hz": -1.0}}},
            "joints: natural_frequency_hz: -1 is not at least 0",
        ),
        ({"base": "action/joint.yaml", "controller": {"contact_regions": ["hoof_r"]}}, "no contact region hoof_r"),
        ({"base": "action/joint.yaml", "controller": {"preview_s": 9}}, "preview_s of 9 s is longer than the clip"),
        (
            {"base": "action/joint.yaml", "controller": {"decoder": {"contact": {"landing_s": 2.0}}}},
            "landing_s of 2 s is longer than the clip 'march' of 1.00 s",
        ),
        (
            {"base": "action/residual.yaml", "bound": {"initial": 2.0, "final": 1.0}},
            "bound: initial: 2 is not between 0 and 1",
        ),
        (
            {"base": "action/residual.yaml", "bound": {"initial": 0.2, "final": 1.0, "begin": 9, "end": 3}},
            "a schedule ends",
        ),
        ({"base": "action/residual.yaml", "prior": {"kind": "nowhere:Prior"}}, "unknown prior 'nowhere:Prior'"),
        ({"base": "action/residual.yaml", "prior": {"gain": 1.0}}, "unknown key 'gain'"),
    ],
)
def test_bad_values_are_named(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip, tmp_path: Path, values: dict, message: str
) -> None:
    with pytest.raises(MsemuError, match=message):
        make_env(tracking_cfg, legs, march, own_space(tmp_path, **values))


def test_a_space_of_ones_own(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_actions.py").write_text(
        "from dataclasses import dataclass\n"
        "import torch\n"
        "from msemu.envs.action.space import ActionSpace\n"
        "from msemu.schema import ActionCfg\n"
        "@dataclass(frozen=True)\n"
        "class LevelCfg(ActionCfg):\n"
        "    tone: float = 0.1\n"
        "class OneForAll(ActionSpace):\n"
        "    Cfg = LevelCfg\n"
        "    num_actions = 1\n"
        "    def __init__(self, cfg, scene):\n"
        "        self.tone, self.muscles = cfg.tone, scene.body.num_muscles\n"
        "    def excitation(self, actions, frame, steps):\n"
        "        return (self.tone + actions.expand(-1, self.muscles)).clamp(0, 1)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    env = make_env(tracking_cfg, legs, march, own_space(tmp_path, kind="my_actions:OneForAll", tone=0.25))
    env.step(torch.full((4, 1), 0.5))
    assert env.num_actions == 1 and (env.transition.muscles.excitation == 0.75).all()


@dataclass(frozen=True)
class WrongCfg(ActionCfg):
    wrong: str = ""


class Wrong(ActionSpace):
    Cfg = WrongCfg

    def __init__(self, cfg: WrongCfg, scene: Scene):
        self.wrong, self.shape = cfg.wrong, (scene.sim.num_envs, scene.body.num_muscles)
        if cfg.wrong == "building":
            raise IndexError("no such muscle")
        if cfg.wrong != "count":
            self.num_actions = 2

    def excitation(self, actions: torch.Tensor, frame: torch.Tensor, steps: int) -> torch.Tensor:
        match self.wrong:
            case "shape":
                return torch.zeros(self.shape[0], 2)
            case "type":
                return torch.zeros(self.shape).double()
            case "nan":
                return torch.full(self.shape, torch.nan)
            case "range":
                return torch.full(self.shape, 1.5)
        raise ValueError("too\nmuch")

    def initial_activation(self, frame: torch.Tensor) -> torch.Tensor:
        return torch.zeros(self.shape[1] if self.wrong == "start" else self.shape)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("building", r"the action '.*:Wrong' fails: IndexError: no such muscle \(test_action_spaces\.py, line \d+\)"),
        ("count", "the action space '.*:Wrong' must set num_actions"),
        (
            "shape",
            r"excitation of the action space '.*:Wrong' gives float32 of shape \[4, 2\] on cpu; expected",
        ),
        ("type", r"gives float64 of shape \[4, 80\] on cpu; expected float32 of shape \[4, 80\] on cpu"),
        ("nan", "gives values that are not between 0 and 1"),
        ("range", "gives values that are not between 0 and 1"),
        ("error", r"excitation of the action space '.*:Wrong' fails: ValueError: too much \(test_action_spaces\.py"),
        ("start", r"initial_activation of the action space '.*:Wrong' gives float32 of shape \[80\]"),
    ],
)
def test_what_a_space_of_ones_own_does_wrong_is_named(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip, tmp_path: Path, wrong: str, message: str
) -> None:
    with pytest.raises(MsemuError, match=message) as caught:
        env = make_env(tracking_cfg, legs, march, own_space(tmp_path, kind=f"{__name__}:Wrong", wrong=wrong))
        env.step(torch.zeros(4, 2))
    assert "\n" not in str(caught.value)


def test_the_controller_needs_the_engine_on_the_cpu(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> None:
    tracking_cfg.sim.engine, tracking_cfg.sim.device, tracking_cfg.num_envs = "warp", "cpu", 1
    with pytest.raises(MsemuError, match="mujoco engine only") as caught:
        make_env(tracking_cfg, legs, march, "joint")
    assert "\n" not in str(caught.value)


def test_the_controller_follows_the_walk_without_learning(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> None:
    """Half a second of a march that never was recorded: far closer than a weak tone, with excitations in bounds."""
    errors = {}
    for action in ("excitation", "joint"):
        env = make_env(tracking_cfg, legs, march, action)
        env.restart(torch.tensor([2, 8, 27, 33]))
        for _ in range(15):
            log = env.step(torch.zeros(4, env.num_actions))[3]["log"]
            assert ((env.transition.muscles.excitation >= 0.0) & (env.transition.muscles.excitation <= 1.0)).all()
        errors[action] = float(log["Error/joint_angle_deg"])
    assert errors["joint"] < 0.5 * errors["excitation"]
    assert 0.0 <= log["Action/missing_torque"] < 0.2 and 0.0 <= log["Action/unsolved"] <= 1.0
    assert 0.0 < log["Action/missing_acceleration"] < 30.0


def test_an_action_moves_its_joint(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> None:
    names = [legs.joint_names[joint] for joint in legs.independent_joints]
    knee = names.index("knee_angle_l")
    angle = []
    for value in (0.0, 2.0):
        env = make_env(tracking_cfg, legs, march, "joint")
        env.restart(torch.full((4,), 14))  # the left leg swings
        actions = torch.zeros(4, env.num_actions)
        actions[:, knee] = value
        for _ in range(5):
            env.step(actions)
        angle.append(env.transition.state.joint_position[0, knee])
    assert angle[1] - angle[0] > 0.02


def test_joints_that_are_not_led_follow_the_reference(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> None:
    """Leading some joints is leading all of them with an action of zero for the others, to the bit."""
    names = [legs.joint_names[joint] for joint in legs.independent_joints]
    env = make_env(tracking_cfg, legs, march, "joint")
    given = torch.zeros(4, env.num_actions)
    given[:, [names.index(name) for name in ("hip_flexion_l", "knee_angle_l", "knee_angle_r")]] = torch.rand(4, 3)
    tracking_cfg.env.action = replace(load_named(ActionCfg, "joint"), led=["knee_*", "hip_flexion_l"])
    some = MotionTrackingEnv(tracking_cfg, legs, march, 0)
    led = [name for name in names if name in ("hip_flexion_l", "knee_angle_l", "knee_angle_r")]
    assert some.num_actions == 3
    for each in (env, some):
        each.restart(torch.full((4,), 14))
    for _ in range(3):
        env.step(given)
        some.step(given[:, [names.index(name) for name in led]])
    assert torch.equal(env.transition.state.joint_position, some.transition.state.joint_position)


def test_a_joint_that_cannot_be_led_is_named(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> None:
    for led, hint in ((["knee_angel_l"], "did you mean knee_angle_l"), (["hip_*", "elbow_*"], "matches 'elbow_\\*'")):
        tracking_cfg.env.action = replace(load_named(ActionCfg, "joint"), led=led)
        with pytest.raises(MsemuError, match=hint):
            MotionTrackingEnv(tracking_cfg, legs, march, 0)


def test_the_engines_own_arrays_give_the_equation_of_motion(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip
) -> None:
    env = make_env(tracking_cfg, legs, march, "excitation")
    env.step(torch.zeros(4, 80))
    shared = EngineDynamics(legs.lean, env.sim, ("foot_r", "foot_l"))
    own = DynamicsReader(legs, 4, ("foot_r", "foot_l"))
    wanted = torch.randn(4, len(shared.dofs), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    one, two = shared.read_present(wanted), own.read(env.sim.qpos, env.sim.qvel, wanted)
    for name in ("required_force", "moment_arms", "muscle_length", "muscle_velocity"):
        torch.testing.assert_close(getattr(one, name), getattr(two, name), rtol=1e-9, atol=1e-9)
    later = shared.read_present(wanted, ahead_s=0.02)
    change = (one.moment_arms @ wanted.unsqueeze(-1)).squeeze(-1) * 0.02
    torch.testing.assert_close(later.muscle_velocity, one.muscle_velocity + change)
    torch.testing.assert_close(later.muscle_length, one.muscle_length + 0.02 * (one.muscle_velocity + 0.5 * change))
    env.sim.root_force[:, 2] = 100.0
    assert torch.allclose(shared.read_present(wanted).required_force[:, 2], one.required_force[:, 2] - 100.0)


def test_the_root_deviation_is_mujocos(legs: Body) -> None:
    random = np.random.default_rng(0)
    qpos, reference = random.normal(size=(2, 20, legs.model.nq))
    for values in (qpos, reference):
        values[:, 3:7] /= np.linalg.norm(values[:, 3:7], axis=1, keepdims=True)
    wanted = np.empty((20, legs.model.nv))
    for row in range(20):
        mujoco.mj_differentiatePos(legs.model, wanted[row], 1.0, qpos[row], reference[row])
    still = np.zeros((20, legs.model.nv))
    found = RootDeviation.between(*map(torch.from_numpy, (qpos, still, reference, still)))
    np.testing.assert_allclose(torch.cat((found.position, found.rotation), 1).numpy(), wanted[:, :6], atol=1e-9)
    same = RootDeviation.between(*map(torch.from_numpy, (qpos, still, qpos, still)))
    assert same.rotation.abs().max() < 1e-7


def test_a_spring_oscillates_at_its_frequency() -> None:
    position, velocity, dt = torch.tensor(1.0, dtype=torch.float64), torch.tensor(0.0, dtype=torch.float64), 1e-4
    spring = SpringCfg(2.0, 0.0)
    for _ in range(5000):  # one period of 0.5 s
        velocity = velocity + dt * pull(spring, -position, -velocity)
        position = position + dt * velocity
    assert position == pytest.approx(1.0, abs=1e-3) and velocity == pytest.approx(0.0, abs=1e-2)


def test_a_schedule_goes_from_one_value_to_another() -> None:
    fade = ScheduleCfg(0.2, 1.0, 10, 20)
    assert [fade.at(step) for step in (0, 10, 15, 20, 99)] == pytest.approx([0.2, 0.2, 0.6, 1.0, 1.0])
    assert ScheduleCfg(0.3, 0.5).at(0) == 0.5


def test_feet_go_where_the_body_falls(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> None:
    env = make_env(tracking_cfg, legs, march, "excitation")
    reader = DynamicsReader(legs, 4, ("foot_r", "foot_l"))
    feet = FootPlacement(reader.points, ("foot_r", "foot_l"), FootPlacementCfg(gain=1.0, damping_m=1e-3))
    qpos, qvel = env.reference.state(torch.tensor([3, 11, 24, 40]))
    still = torch.zeros(4, len(reader.dofs), dtype=torch.float64)
    contacts = reader.read(qpos, qvel, still).contacts
    drift = torch.tensor([0.1, -0.1, 0.0], dtype=torch.float64)
    moving = qvel.clone()
    moving[:, :3] += drift
    in_place = RootDeviation.between(qpos, qvel, qpos, qvel)
    falling = RootDeviation.between(qpos, moving, qpos, qvel)
    nowhere, load = torch.zeros(4, 2, 3, dtype=torch.float64), torch.zeros(4, 2, dtype=torch.float64)
    height = qpos[:, 2]
    assert feet.offsets(contacts, in_place, height, nowhere, load).abs().max() < 1e-9
    offsets = feet.offsets(contacts, falling, height, nowhere, load)
    moved = qpos.clone()
    moved[:, reader.dofs.index[6:] + 1] += offsets
    moved = torch.from_numpy(legs.couplings.project(moved.numpy()))
    before = feet.positions(contacts)
    after = feet.positions(reader.read(moved, qvel, still).contacts)
    wanted = (height / 9.81).sqrt()[:, None, None] * drift
    torch.testing.assert_close((after - before)[..., :2], wanted.expand(-1, 2, -1)[..., :2], atol=0.006, rtol=0.0)
    # A foot that stands does not answer to the fall.
    assert feet.offsets(contacts, falling, height, nowhere, load + 1.0).abs().max() < 1e-9


def test_training_resumes_and_plays_in_a_scheduled_space(train_cfg: TrainCfg, tmp_path: Path) -> None:
    fading = {"initial": 0.2, "final": 1.0, "begin": 0, "end": 32}
    train_cfg.env.action = load_named(ActionCfg, own_space(tmp_path, base="action/residual.yaml", bound=fading))
    whole = RunFolder.open(train(TASK, replace(train_cfg, iterations=4, run_name="whole")))
    half = RunFolder.open(train(TASK, replace(train_cfg, iterations=2, run_name="halves")))
    train(TASK, replace(half.load_config(), iterations=2, resume=str(half.path)))
    states = [torch.load(run.checkpoint("last"), weights_only=True) for run in (whole, half)]
    assert all(torch.equal(states[0]["env"][key], states[1]["env"][key]) for key in states[0]["env"])
    env, _ = open_policy(half, half.checkpoint("last"), 2, "cpu", seed=0)
    steps = 4 * train_cfg.agent.num_steps_per_env
    assert env.control_steps == steps
    log = env.step(torch.zeros(2, env.num_actions))[3]["log"]
    assert log["Action/residual_bound"] == pytest.approx(0.2 + 0.8 * min(steps / 32, 1.0))


def test_the_bench_measures_priors(march: MotionClip, tmp_path: Path) -> None:
    march.save(tmp_path / "march.npz")
    figures = tmp_path / "figures.json"
    options = ("--motion", tmp_path / "march.npz", "--episodes", "2", "--seconds", "0.4", "--json", figures)
    outcome = run("bench", "prior", *options, "--actions", "excitation", "joint")
    assert outcome.returncode == 0, outcome.stderr
    measured = json.loads(figures.read_text())
    assert measured["joint"]["joint_angle_error_deg"] < measured["excitation"]["joint_angle_error_deg"]
    assert "joint" in outcome.stdout and measured["joint"]["episodes"] == 2
