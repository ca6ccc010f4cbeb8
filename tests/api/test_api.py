"""What `import msemu` offers a notebook."""

import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from patience import PATIENCE_S
from small_agent import small_agent

import msemu
from msemu.api.environment import task_cfg
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.models.strength import sets
from msemu.motion.clip import MotionClip
from msemu.motion.formats.opensim_storage import read_storage
from msemu.muscle.parameters import MuscleParameters
from msemu.rl.assemble import make_env
from msemu.rl.run_folder import RunFolder
from msemu.rl.runner import Runner
from msemu.schema import TrainCfg

TASK = "Msemu-Track-MyoLegs-v0"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, legs: Body, march_file: Path) -> Path:
    """A run of an untrained policy."""
    cfg = TrainCfg(**vars(task_cfg(TASK, 1, {"motion": march_file})), device="cpu", agent=small_agent("ppo"))
    cfg.runs_dir = str(tmp_path_factory.mktemp("runs"))
    clip = msemu.load_clip(march_file, legs)
    folder = RunFolder.create(TASK, cfg, legs, [clip])
    runner = Runner(make_env(TASK, cfg, legs, clip, 1), cfg.agent, folder.path, "cpu")
    runner.save(str(folder.path / "model_0.pt"))
    return folder.path


@pytest.fixture(scope="module")
def march_file(tmp_path_factory: pytest.TempPathFactory, march: MotionClip) -> Path:
    """A clip file."""
    path = tmp_path_factory.mktemp("march") / "march.npz"
    march.save(path)
    return path


@pytest.fixture(scope="module")
def rollout(run: Path) -> msemu.Rollout:
    """Half a second of it."""
    return msemu.load_policy(run, "last", "cpu").rollout(0.5)


def test_importing_msemu_loads_nothing_heavy() -> None:
    code = "import sys, msemu; sys.exit(any(name in sys.modules for name in ('torch', 'mujoco', 'warp')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_every_name_is_there() -> None:
    assert all(getattr(msemu, name) for name in msemu.__all__)
    assert set(msemu.__all__) <= set(dir(msemu))
    with pytest.raises(AttributeError, match="no attribute 'mak'"):
        msemu.mak  # noqa: B018


def test_an_environment_takes_overrides_at_any_depth(march_file: Path) -> None:
    sim = {"num_threads": 1, "muscle": "rigid"}
    env = msemu.make(TASK, 3, motion=march_file, sim=sim, env={"action": "joint", "episode_length_s": 2.0})
    assert (env.num_envs, env.max_episode_length, env.cfg.sim.muscle.level) == (3, 100, "rigid")
    assert env.cfg.sim.timestep_s == 0.002  # what is not named stays
    observations, rewards, _, _ = env.step(torch.zeros(3, env.num_actions))
    assert rewards.shape == (3,) and observations["proprioception"].shape[0] == 3


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"motoin": "walk"}, "unknown key 'motoin'; did you mean motion"),
        ({"sim": {"tmestep_s": 0.004}}, "sim: unknown key 'tmestep_s'"),
        ({"env": {"action": "jont"}}, "unknown action 'jont'; did you mean joint"),
        ({"num_envs": 0}, "num_envs"),
    ],
)
def test_a_wrong_override_is_one_line(overrides: dict, said: str) -> None:
    with pytest.raises(MsemuError) as refusal:
        msemu.make(TASK, **overrides)
    assert said in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_rollout_is_what_the_environment_does(run: Path, rollout: msemu.Rollout) -> None:
    policy = msemu.load_policy(run, "last", "cpu")
    env = policy.env(1)
    observations = env.restart(torch.zeros(1, dtype=torch.long))
    for frame in range(3):
        np.testing.assert_array_equal(rollout.qpos[frame], env.sim.qpos[0])
        np.testing.assert_array_equal(rollout.activation[frame], env.sim.act[0])
        observations, *_ = env.step(policy(observations))
    force = MuscleParameters.of(env.body.model).max_isometric_force
    assert (rollout.muscle_force / force).min() >= 0.0 and len(rollout.time) == rollout.num_frames


def test_a_rollout_comes_back_from_its_file(rollout: msemu.Rollout, tmp_path: Path) -> None:
    rollout.save(tmp_path / "rollout.npz")
    again = msemu.Rollout.load(tmp_path / "rollout.npz")
    for name, values in vars(again).items():
        if name != "model":
            np.testing.assert_array_equal(values, getattr(rollout, name))


def test_a_file_that_is_no_rollout_is_refused(march_file: Path, tmp_path: Path, rollout: msemu.Rollout) -> None:
    with pytest.raises(MsemuError, match="is no rollout of this release"):
        msemu.Rollout.load(march_file)
    rollout.save(tmp_path / "rollout.npz")
    arrays = dict(np.load(tmp_path / "rollout.npz"))
    np.savez(tmp_path / "short.npz", **arrays | {"activation": arrays["activation"][:-1]})
    with pytest.raises(MsemuError, match="activation is of shape"):
        msemu.Rollout.load(tmp_path / "short.npz")
    np.savez(tmp_path / "nan.npz", **arrays | {"qvel": np.full_like(arrays["qvel"], np.nan)})
    with pytest.raises(MsemuError, match=r"qvel holds .* not finite"):
        msemu.Rollout.load(tmp_path / "nan.npz")


def test_a_rollout_becomes_tables_and_files_of_opensim(rollout: msemu.Rollout, tmp_path: Path) -> None:
    table = rollout.to_pandas("muscle_force")
    assert table.attrs["unit"] == "N" and list(table.columns) == list(rollout.muscle_names)
    np.testing.assert_array_equal(table["soleus_r"], rollout.muscle_force[:, rollout.muscle_names.index("soleus_r")])
    assert list(rollout.to_pandas("contact_force").columns[:3]) == ["foot_r_x", "foot_r_y", "foot_r_z"]
    motion, activation, _ = rollout.to_opensim(tmp_path / "out")
    knee = rollout.qpos[:, 7 + rollout.joint_names.index("knee_angle_r")]
    np.testing.assert_allclose(read_storage(motion).columns["knee_angle_r"], np.degrees(knee), atol=1e-6)
    soleus = read_storage(activation).columns["soleus_r"]
    np.testing.assert_allclose(soleus, rollout.to_pandas()["soleus_r"], atol=1e-8)


def test_a_plot_shows_what_is_named(rollout: msemu.Rollout) -> None:
    figure = rollout.plot("joint_angle", ["knee_angle_r", "hip_flexion_l"])
    assert [axis.get_ylabel() for axis in figure.axes] == ["knee_angle_r", "hip_flexion_l"]
    np.testing.assert_array_equal(
        figure.axes[0].lines[0].get_ydata(), rollout.qpos[:, 7 + rollout.joint_names.index("knee_angle_r")]
    )
    with pytest.raises(MsemuError, match="no 'knee' in joint_angle"):
        rollout.plot("joint_angle", ["knee"])
    with pytest.raises(MsemuError, match="no quantity 'force'; known: joint_angle"):
        rollout.plot("force")


def test_a_rollout_is_shown_in_the_browser(rollout: msemu.Rollout) -> None:
    pytest.importorskip("viser")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    page = rollout.show(port)
    try:
        with urllib.request.urlopen(page.url, timeout=PATIENCE_S) as answer:
            assert str(port) in page.url and answer.status == 200
    finally:
        page.stop()


def test_a_notebook_is_shown_a_video(rollout: msemu.Rollout) -> None:
    assert rollout._repr_html_().startswith('<video controls src="data:video/mp4;base64,AAAA')


def test_static_optimization_explains_a_clip(march: MotionClip, legs: Body) -> None:
    result = msemu.static_optimization(march, legs, power=3)
    assert result.activation.shape == (march.num_frames, legs.num_muscles) and result.converged.all()
    for wrong in ({"strength": -1.0}, {"smoothing_s": -0.1}):
        with pytest.raises(MsemuError, match=f"static_optimization: {next(iter(wrong))}: .* is not"):
            msemu.static_optimization(march, legs, **wrong)
    with pytest.raises(MsemuError, match="unknown key 'pwer'"):
        msemu.static_optimization(march, legs, pwer=3)


def test_muscles_of_a_stronger_set_are_less_active(
    march: MotionClip, legs: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = msemu.static_optimization(march, legs)
    monkeypatch.setattr(sets, "strength_factors", lambda body, name: np.full(body.num_muscles, 2.0))
    double = msemu.static_optimization(march, legs, strength_set="athlete")
    assert 0.4 < double.activation.mean() / own.activation.mean() < 0.7
    with pytest.raises(MsemuError, match="no strength set 'atlete'; did you mean athlete"):
        msemu.static_optimization(march, legs, strength_set="atlete")


def test_a_clip_is_tracked_by_its_muscles(march_once: MotionClip, legs: Body) -> None:
    seen: list[int] = []
    settings = {"seconds": 0.2, "particles": 4, "passes": 1, "threads": 1}
    tracked = msemu.track(march_once, legs, lambda progress: seen.append(progress.done), **settings)
    rollout = tracked.rollout
    assert seen == [5, 10] and tracked.completed == 1.0 and rollout.num_frames == 11
    np.testing.assert_array_equal(tracked.clip.qpos, rollout.qpos)
    joints = [7 + index for index in legs.independent_joints]
    error = np.degrees(np.abs(rollout.qpos - rollout.reference_qpos)[1:, joints]).mean()
    assert abs(error - tracked.evaluation.joint_angle_error_deg) < 1e-3


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"particle": 3}, "track: unknown key 'particle'; did you mean particles"),
        ({"minutes": -1}, "track: minutes: -1 is not above 0"),
        ({"strength_set": "giant"}, "no strength set 'giant'"),
    ],
)
def test_what_a_search_cannot_be_asked_is_one_line(
    march_once: MotionClip, legs: Body, settings: dict, said: str
) -> None:
    with pytest.raises(MsemuError) as refusal:
        msemu.track(march_once, legs, **settings)
    assert said in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("seconds", "start", "said"),
    [
        (0.0, 0, "rollout: seconds: 0 is not above 0"),
        (float("nan"), 0, "rollout: seconds: nan is not"),
        (float("inf"), 0, "rollout: seconds: inf is not"),
        ("2", 0, "rollout: seconds: expected float, not '2'"),
        (1.0, 50, "the clip has the frames 0 to 49"),
        (1.0, -1, "rollout: start_frame: -1 is not between 0"),
        (1.0, 1.5, "rollout: start_frame: expected int, not 1.5"),
    ],
)
def test_an_impossible_rollout_is_refused(run: Path, seconds: float, start: int, said: str) -> None:
    with pytest.raises(MsemuError) as refusal:
        msemu.load_policy(run, "last", "cpu").rollout(seconds, start)
    assert said in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (lambda run: msemu.load_policy(run, "bst"), "no checkpoint at bst; .* has best, last and those in its folder"),
        (lambda run: msemu.load_policy(run, seed=-1), "load_policy: seed: -1 is not between 0"),
        (lambda run: msemu.make("Msemu-Walk-MyoLegs-v0", 1, seed="a"), "Msemu-Walk-MyoLegs-v0: seed: expected int"),
        (lambda run: msemu.static_optimization("walk"), "static_optimization: 'walk' is no clip; msemu.load_clip"),
        (lambda run: msemu.track("walk"), "track: 'walk' is no clip; msemu.load_clip"),
        (lambda run: msemu.load_clip("walk", "myolegs", repair="flights"), "load_clip: repair: .*flights"),
        (lambda run: msemu.load_clip("walk", "myolegs", fps=float("nan")), "control_frequency_hz: nan is not"),
    ],
)
def test_a_value_that_cannot_be_is_refused_before_anything_is_loaded(run: Path, asked: Any, said: str) -> None:
    with pytest.raises(MsemuError, match=said):
        asked(run)
