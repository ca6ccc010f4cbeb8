"""The reward term that follows measured muscle activity, against NumPy on made-up envelopes."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from count_reads import CountReads
from places import ROOT
from small_agent import small_agent

from msemu.cli.train import parse
from msemu.cli.training import train
from msemu.config import build, load
from msemu.envs.action.space import Scene
from msemu.envs.emg import EmgError, EmgOptions
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.motion.formats.opensim_storage import write_storage
from msemu.motion.reference import CLIP_SPACING, ReferenceMotion
from msemu.rl.run_folder import RunFolder
from msemu.rl.runner import Runner
from msemu.schema import MuscleCfg, RewardTermCfg, TaskCfg, TrainCfg

pytestmark = pytest.mark.usefixtures("one_thread")

TASK = "Msemu-Track-MyoLegs-v0"
CPU = torch.device("cpu")
GASTROCNEMIUS = ("gasmed_r", "gaslat_r")


def push_off(phase: np.ndarray) -> np.ndarray:
    """Half a sine in the first half of the cycle."""
    return 0.8 * np.sin(2 * np.pi * phase).clip(min=0.0)


def swing(phase: np.ndarray) -> np.ndarray:
    """Half a sine in the second half of the cycle."""
    return 0.5 * np.sin(2 * np.pi * (phase - 0.5)).clip(min=0.0) * (phase % 1.0 >= 0.5)


def write_csv(path: Path, axis: str, place: np.ndarray, **channels: np.ndarray) -> str:
    rows = [",".join(f"{value:.9g}" for value in row) for row in np.column_stack([place, *channels.values()])]
    path.write_text("\n".join([",".join([axis, *channels]), *rows]) + "\n")
    return str(path)


@pytest.fixture
def cycle_file(tmp_path: Path) -> str:
    """Envelopes over the cycle: one channel named as its muscle, one that is measured on two."""
    phase = np.linspace(0.0, 1.0, 2001)
    return write_csv(tmp_path / "cycle.csv", "phase", phase, soleus_r=push_off(phase), GM=swing(phase))


def target(cfg: EmgOptions, body: Body, *clips: MotionClip) -> EmgError:
    sim = SimpleNamespace(device=CPU)
    return EmgError(cfg, Scene(body, sim, ReferenceMotion(clips, body, 50.0, CPU), 10, MuscleCfg()))


def emg_error(term: EmgError, activation: torch.Tensor, frame: torch.Tensor) -> torch.Tensor:
    return term(SimpleNamespace(muscles=SimpleNamespace(activation=activation), frame=frame))


def expected(body: Body, activation: torch.Tensor, wanted: dict[tuple[str, ...], np.ndarray]) -> np.ndarray:
    """Mean over the channels, of each the mean over its muscles."""
    of_muscle = dict(zip(body.muscle_names, activation.double().numpy().T, strict=True))
    channels = [
        np.mean([(of_muscle[muscle] - envelope) ** 2 for muscle in muscles], axis=0)
        for muscles, envelope in wanted.items()
    ]
    return np.mean(channels, axis=0)


def random_activation(body: Body, count: int) -> torch.Tensor:
    return torch.rand(count, body.num_muscles, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("delay_s", [0.0, 0.05])
def test_the_error_over_a_cycle_is_the_formula(legs: Body, march: MotionClip, cycle_file: str, delay_s: float) -> None:
    cfg = EmgOptions(cycle_file, {"GM": GASTROCNEMIUS}, clip_start=0.3, delay_s=delay_s)
    frame = torch.tensor([0, 1, 17, 49, 50, 123, -1, -60])
    activation = random_activation(legs, len(frame))
    phase = (0.3 + (frame.numpy() / 50 - delay_s) / march.duration_s) % 1.0
    wanted = {("soleus_r",): push_off(phase), GASTROCNEMIUS: swing(phase)}
    found = emg_error(target(cfg, legs, march), activation, frame)
    np.testing.assert_allclose(found, expected(legs, activation, wanted), atol=2e-6)


def test_percent_is_phase_and_a_cycle_closes(legs: Body, march: MotionClip, tmp_path: Path) -> None:
    phase = np.arange(1, 50, 2) / 50.0
    frame, activation = torch.arange(50), random_activation(legs, 50)
    errors = []
    for axis, place in (("phase", phase), ("percent", 100 * phase)):
        path = write_csv(tmp_path / f"{axis}.csv", axis, place, soleus_r=push_off(phase))
        errors.append(emg_error(target(EmgOptions(path), legs, march), activation, frame))
    assert torch.allclose(*errors, atol=1e-6)
    # Frame 0 lies half-way between the last row and the first.
    between = 0.5 * (push_off(phase[-1]) + push_off(phase[0]))
    np.testing.assert_allclose(errors[0][:1], expected(legs, activation[:1], {("soleus_r",): between[None]}), rtol=1e-5)


def test_several_cyclic_clips_share_one_cycle(legs: Body, march: MotionClip, cycle_file: str) -> None:
    fast = replace(march, qpos=march.qpos[::2], qvel=2 * march.qvel[::2], name="fast")
    found = target(EmgOptions(cycle_file, {"GM": ()}), legs, march, fast)
    frame = torch.tensor([3, 60, CLIP_SPACING, CLIP_SPACING + 6, CLIP_SPACING + 31])
    phase = np.array([3 / 50, 10 / 50, 0.0, 6 / 25, 6 / 25])
    activation = random_activation(legs, len(frame))
    wanted = expected(legs, activation, {("soleus_r",): push_off(phase)})
    np.testing.assert_allclose(emg_error(found, activation, frame), wanted, atol=2e-6)


@pytest.mark.parametrize("ending", ["csv", "sto"])
def test_the_error_over_time_is_the_formula(legs: Body, march_once: MotionClip, tmp_path: Path, ending: str) -> None:
    time = np.arange(0.0, 2.0, 0.001)
    path, channels = tmp_path / f"emg.{ending}", {"soleus_r": push_off(time), "tibant_l": 0.3 * time / 2}
    if ending == "csv":
        write_csv(path, "time", time, **channels)
    else:
        write_storage(path, "emg", time, channels)
    frame = torch.tensor([0, 5, 49, 80])
    seconds = 0.4 + frame.clamp(max=49).numpy() / 50 - 0.06
    activation = random_activation(legs, len(frame))
    found = emg_error(target(EmgOptions(str(path), clip_start=0.4, delay_s=0.06), legs, march_once), activation, frame)
    wanted = {("soleus_r",): push_off(seconds), ("tibant_l",): 0.3 * seconds / 2}
    np.testing.assert_allclose(found, expected(legs, activation, wanted), atol=2e-6)


def test_a_recording_of_one_cycle_begins_with_the_clip(legs: Body, march: MotionClip, tmp_path: Path) -> None:
    time = np.arange(0.0, 1.0, 0.02)
    path = write_csv(tmp_path / "emg.csv", "time", 12.5 + time, soleus_r=push_off(time))
    still = torch.zeros(4, legs.num_muscles)
    found = emg_error(target(EmgOptions(path), legs, march), still, torch.tensor([0, 12, 62, -38]))
    np.testing.assert_allclose(found, push_off(np.array([0.0, 0.24, 0.24, 0.24])) ** 2, atol=1e-6)


def test_envelopes_of_any_scale_are_brought_to_a_peak(legs: Body, march: MotionClip, tmp_path: Path) -> None:
    phase = np.linspace(0.0, 1.0, 101)
    volts = {"soleus_r": 3e-4 * push_off(phase), "tibant_r": 70.0 * swing(phase) - 0.1}
    path = write_csv(tmp_path / "emg.csv", "phase", phase, **volts)
    still = torch.zeros(50, legs.num_muscles)
    found = emg_error(
        target(EmgOptions(path, {"tibant_r": ()}, peak_activation=0.6), legs, march), still, torch.arange(50)
    )
    assert found.max().sqrt() == pytest.approx(0.6, rel=0.01)
    # What a filter leaves below zero counts as zero.
    found = emg_error(
        target(EmgOptions(path, {"soleus_r": ()}, peak_activation=0.6), legs, march), still, torch.arange(50)
    )
    assert found[:20].max() == 0.0 and found.max().sqrt() == pytest.approx(0.6, rel=0.01)


def emg_term(file: str, weight: float) -> dict:
    return {"weight": weight, "options": {"file": file, "muscles": {"GM": list(GASTROCNEMIUS)}}}


def emg_task(cfg: TaskCfg, file: str) -> TaskCfg:
    rewards = {**cfg.env.rewards, "emg": RewardTermCfg(**emg_term(file, -0.4))}
    return replace(cfg, env=replace(cfg.env, rewards=rewards))


def test_the_environment_pays_for_the_error(
    legs: Body, march: MotionClip, tracking_cfg: TaskCfg, cycle_file: str
) -> None:
    env = MotionTrackingEnv(emg_task(tracking_cfg, cycle_file), legs, march)
    for _ in range(5):
        frame = (env.frame + 1).numpy()
        _, rewards, dones, extras = env.step(torch.rand(4, env.num_actions))
        phase = frame / 50 % 1.0
        wanted = {("soleus_r",): push_off(phase), GASTROCNEMIUS: swing(phase)}
        error = expected(legs, env.transition.muscles.activation, wanted)
        total, shares = env._reward(env.transition)
        np.testing.assert_allclose(shares[:, env._reward.names.index("emg")], -0.4 * error, atol=1e-6)
        assert torch.allclose(torch.where(dones.bool(), total, rewards), total)
        assert extras["log"]["Reward/emg"].item() == pytest.approx(-0.4 * error.mean(), abs=1e-6)
    muscles = env.transition.muscles
    assert not torch.equal(muscles.activation, muscles.excitation), "activation lags behind"
    perfect = torch.zeros(4, legs.num_muscles)
    for names, envelope in wanted.items():
        for name in names:
            perfect[:, legs.muscle_names.index(name)] = torch.as_tensor(envelope, dtype=torch.float32)
    found = target(EmgOptions(cycle_file, {"GM": GASTROCNEMIUS}), legs, march)
    assert emg_error(found, perfect, torch.as_tensor(frame)).max() < 1e-10


def test_other_terms_stay_as_they_are(legs: Body, march: MotionClip, tracking_cfg: TaskCfg, cycle_file: str) -> None:
    plain = MotionTrackingEnv(tracking_cfg, legs, march)
    measured = MotionTrackingEnv(emg_task(tracking_cfg, cycle_file), legs, march)
    for _ in range(3):
        actions = torch.rand(4, plain.num_actions)
        (_, reward, _, extras), (_, other, _, _) = plain.step(actions), measured.step(actions)
        assert "Reward/emg" not in extras["log"]
        _, shares = measured._reward(measured.transition)
        assert torch.allclose(other - shares[:, -1], reward, atol=1e-6)


def test_the_error_reads_nothing_back(legs: Body, march: MotionClip, cycle_file: str) -> None:
    found = target(EmgOptions(cycle_file, {"GM": GASTROCNEMIUS}), legs, march, replace(march, name="again"))
    with CountReads() as guard:
        emg_error(found, random_activation(legs, 3), torch.tensor([0, 70, CLIP_SPACING + 3]))
    assert not guard.counts


@pytest.mark.parametrize("agent", ["add", "amp"])
def test_the_term_stays_outside_the_discriminator(
    legs: Body, march: MotionClip, train_cfg: TrainCfg, cycle_file: str, agent: str
) -> None:
    train_cfg.agent = small_agent(agent)
    train_cfg.agent.algorithm |= {
        "discriminator_reward_weight": 0.5,
        "regularizers": {"emg": emg_term(cycle_file, -3.0)},
    }
    train_cfg.agent.algorithm["discriminator"] |= {"hidden_dims": [16], "replay_size": 48}
    train_cfg.env.episode_length_s = 10.0
    env = MotionTrackingEnv(train_cfg, legs, march)
    algorithm = Runner(env, train_cfg.agent, None, "cpu").alg
    follow = target(EmgOptions(cycle_file, {"GM": GASTROCNEMIUS}), legs, march)
    errors = []
    with torch.inference_mode():
        for _ in range(8):
            obs, rewards, dones, extras = env.step(algorithm.act(env.get_observations()))
            algorithm.process_env_step(obs, rewards, dones, extras)
            errors.append(follow(env.transition))
            assert extras["log"]["Regularizer/emg"].item() == pytest.approx(-3.0 * errors[-1].mean().item())
        samples = algorithm._samples.flatten(0, 1)
        algorithm.compute_returns(obs)
        wanted = 0.5 * algorithm.discriminator.reward(samples).view(8, 4) - 3.0 * torch.stack(errors)
    assert min(error.min() for error in errors) > 0
    assert torch.allclose(algorithm.storage.rewards.squeeze(2), (1.0 - algorithm.gamma) * wanted, atol=1e-6)
    assert not any("emg" in part or "activation" in part for part in algorithm.discriminator.parts)


def test_a_run_keeps_its_measurement(train_cfg: TrainCfg, cycle_file: str) -> None:
    cfg = emg_task(train_cfg, cycle_file)
    run = RunFolder.open(train(TASK, replace(cfg, iterations=1)))
    given, kept = (each.env.rewards["emg"].options for each in (cfg, run.load_config()))
    assert Path(kept["file"]).is_relative_to(run.path)
    assert Path(kept["file"]).read_bytes() == Path(given["file"]).read_bytes()
    assert {**kept, "file": None}.items() >= {**given, "file": None}.items()
    train(TASK, replace(run.load_config(), iterations=1, resume=str(run.path)))


def test_the_term_is_an_option() -> None:
    options = {"file": "emg.csv", "muscles": {"GM": list(GASTROCNEMIUS)}, "delay_s": 0.04}
    text = f"{{weight: -0.2, sensitivity: 3, options: {json.dumps(options)}}}"
    cfg = parse(TASK, ["--env.rewards.emg", text, "--num-envs", "3", "--env.observations.fiber={}"])
    assert cfg.env.rewards["emg"] == RewardTermCfg(weight=-0.2, sensitivity=3.0, options=options)
    assert len(cfg.env.rewards) == 10 and cfg.num_envs == 3
    assert list(cfg.env.observations) == ["proprioception", "muscle", "reference", "fiber"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{wait: 1}", "--env.rewards.emg: unknown key 'wait'; did you mean weight"),
        ("{}", "--env.rewards.emg: the key 'weight' is missing"),
        ("-0.2", "--env.rewards.emg: expected 'key: value' lines, not -0.2"),
        ("{", r"--env\.rewards\.emg wants a term as in YAML"),
    ],
)
def test_an_option_that_is_no_term_is_refused(text: str, message: str) -> None:
    with pytest.raises(MsemuError, match=message):
        parse(TASK, ["--env.rewards.emg", text])


def test_options_are_those_of_the_term() -> None:
    values = yaml.safe_load("{file: emg.csv, muscles: {GM: [gasmed_r, gaslat_r], trigger: []}, peak_activation: 1}")
    assert build(EmgOptions, values, "emg") == EmgOptions("emg.csv", {"GM": GASTROCNEMIUS, "trigger": ()}, 1.0)


def test_the_term_needs_a_file(legs: Body, march: MotionClip, train_cfg: TrainCfg) -> None:
    plain = MotionTrackingEnv(train_cfg, legs, march)
    train_cfg.env.rewards["emg"] = RewardTermCfg(weight=-0.4)
    with pytest.raises(MsemuError, match=r"env\.rewards\.emg\.options: the key 'file' is missing"):
        MotionTrackingEnv(train_cfg, legs, march)
    train_cfg.agent = small_agent("add")
    train_cfg.agent.algorithm["regularizers"] = {"emg": {"weight": -1.0}}
    with pytest.raises(MsemuError, match=r"regularizers\.emg\.options: the key 'file' is missing"):
        Runner(plain, train_cfg.agent, None, "cpu")


@pytest.mark.parametrize(
    ("muscles", "message"),
    [
        (
            {},
            r"the channels GM are no muscles of body 'myolegs'; say in the option muscles what .*, GM: \[muscle",
        ),
        ({"GM": ("gasmed",)}, "body 'myolegs' has no muscle 'gasmed'; did you mean gasmed_r or gasmed_l"),
        ({"GM": ("xyz",)}, "no muscle 'xyz'; see: msemu-model muscles myolegs"),
        ({"GM": (), "GMM": ()}, "has no channel 'GMM'; did you mean GM"),
        ({"GM": (), "trapezius": ()}, "has no channel 'trapezius'; known: soleus_r, GM"),
        ({"GM": ("soleus_r",)}, "drives soleus_r twice"),
        ({"GM": ("gasmed_r", "gasmed_r")}, "drives gasmed_r twice"),
        ({"GM": (), "soleus_r": ()}, "drives no muscle"),
    ],
)
def test_names_that_do_not_fit_are_listed(
    legs: Body, march: MotionClip, cycle_file: str, muscles: dict, message: str
) -> None:
    with pytest.raises(MsemuError, match=message) as caught:
        target(EmgOptions(cycle_file, muscles), legs, march)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n", "first line must name the columns"),
        ("soleus_r,tibant_r\n0,0\n1,1\n", "first line must name the columns"),
        ("phase\n0\n1\n", "first line must name the columns"),
        ("phase,soleus_r,soleus_r\n0,0,0\n1,1,1\n", "each once"),
        ("phase,soleus_r\n0,0\n", "has 1 rows of numbers"),
        ("phase,soleus_r\n0,0\n0.1,a\n", "line 3 holds .a., which is not a number"),
        ("phase,soleus_r\n0,0\n0.1,nan\n", "line 3 holds a value that is not finite"),
        ("phase,soleus_r\n0,0\n0.1\n", "line 3 has 1 columns"),
        ("phase,soleus_r\n0,0\n50,1\n100,0\n", "'phase' does not increase from 0 to 1"),
        ("percent,soleus_r\n0,0\n60,1\n50,0\n", "'percent' does not increase from 0 to 100"),
        ("percent,soleus_r\n" + "".join(f"{i},0.5\n" for i in range(61)), "40% of the cycle has no row"),
        ("time,soleus_r\n" + "".join(f"{i / 50},-0.3\n" for i in range(50)), "goes from -0.3 to -0.3"),
        ("time,soleus_r\n" + "".join(f"{i / 50},{i}\n" for i in range(50)), "goes from 0 to 49; .*peak_activation"),
        ("time,soleus_r\n" + "".join(f"{i / 50},0\n" for i in range(30)), "goes from 0 to 0.58 s and the clip 'march'"),
        ("time,soleus_r\n" + "".join(f"{i / 50},0\n" for i in range(90)), "say with the option clip_start"),
        ("time,soleus_r\n0,0\n1,0\n", "frames lie up to 1 s apart"),
        ("time,soleus_r\n0,0\n0,0\n", "'time' does not increase"),
    ],
)
def test_damaged_files_are_named(legs: Body, march: MotionClip, tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "emg.csv"
    path.write_text(text)
    with pytest.raises(MsemuError, match=message) as caught:
        target(EmgOptions(str(path)), legs, march)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_files_that_do_not_fit_the_clips_are_named(
    legs: Body, march: MotionClip, march_once: MotionClip, cycle_file: str, tmp_path: Path
) -> None:
    with pytest.raises(MsemuError, match="over the phase of a cycle, and the clip 'march_2' is not cyclic"):
        target(EmgOptions(cycle_file, {"GM": ()}), legs, march, march_once)
    time = np.arange(50) / 50
    path = write_csv(tmp_path / "emg.csv", "time", time, soleus_r=push_off(time))
    with pytest.raises(MsemuError, match="over time, which fits one clip, and the task follows 2"):
        target(EmgOptions(path), legs, march, march)
    with pytest.raises(MsemuError, match="say with the option clip_start"):
        target(EmgOptions(path, clip_start=0.3), legs, march)
    silent = write_csv(tmp_path / "silent.csv", "time", time, soleus_r=0 * time)
    assert emg_error(target(EmgOptions(silent), legs, march), torch.zeros(1, legs.num_muscles), torch.tensor([3])) == 0
    with pytest.raises(MsemuError, match="'soleus_r' goes from 0 to 0"):
        target(EmgOptions(silent, peak_activation=1.0), legs, march)
    for path, message in ((tmp_path / "none.sto", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(MsemuError, match=message):
            target(EmgOptions(str(path)), legs, march)
    (tmp_path / "emg.txt").write_text("phase,soleus_r\n0,0\n")
    with pytest.raises(MsemuError, match="not an OpenSim storage file"):
        target(EmgOptions(str(tmp_path / "emg.txt")), legs, march)


def test_the_examples_of_the_guide_hold(legs: Body, march: MotionClip, tmp_path: Path) -> None:
    guide = (ROOT / "docs/understand/adversarial.md").read_text()
    section = guide.partition("## Following measured")[2].partition("\n## ")[0]
    agent, task = (block.partition("```")[0] for block in section.split("```yaml\n")[1:])
    (tmp_path / "my_add.yaml").write_text(agent)
    regularizers = parse(TASK, ["--agent", str(tmp_path / "my_add.yaml")]).agent.algorithm["regularizers"]
    assert set(regularizers) == {"effort", "power", "smoothness", "emg"}
    (tmp_path / "task.yaml").write_text(task)
    term = load(TaskCfg, tmp_path / "task.yaml").env.rewards["emg"]
    options = build(EmgOptions, term.options, "the guide")
    percent = np.arange(101.0)
    channels = {name: push_off(percent / 100) for name in ("soleus_r", *options.muscles)}
    options.file = write_csv(tmp_path / "emg.csv", "percent", percent, **channels)
    wanted = {"soleus_r": ("soleus_r",), **{name: muscles for name, muscles in options.muscles.items() if muscles}}
    assert target(options, legs, march).muscles == wanted and term.weight < 0
