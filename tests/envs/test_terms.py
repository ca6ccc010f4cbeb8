"""Observation, reward and termination terms: found by name and path, built once, checked once, remembered exactly."""

import gc
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from places import PLUGIN
from small_agent import small_agent

from msemu.cli.training import train
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.envs.readings import Readings, Transition
from msemu.envs.terms import Term
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.rl.runner import Runner
from msemu.schema import ObservationTermCfg, RewardTermCfg, TaskCfg, TerminationTermCfg, TrainCfg

pytestmark = pytest.mark.usefixtures("one_thread")

CFGS = {
    "observations": ObservationTermCfg,
    "rewards": lambda **values: RewardTermCfg(weight=1.0, **values),
    "terminations": TerminationTermCfg,
}
DELAY = "msemu_plugin_example.observations:DelayedForce"


@dataclass(frozen=True)
class AgeOptions:
    limit: int = 3


class Age(Term):
    """Control steps since the episode began."""

    Options = AgeOptions

    def __init__(self, options: AgeOptions, scene):
        self.limit = options.limit
        self.age = torch.zeros(scene.sim.num_envs)

    def __call__(self, now: Readings) -> torch.Tensor:
        return self.age[now.rows]

    def update(self, step: Transition) -> None:
        self.age = self.age + 1

    def reset(self, mask: torch.Tensor) -> None:
        self.age = torch.where(mask, 0.0, self.age)

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {"age": self.age.clone()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        self.age = state["age"].clone()


class AgeAsObservation(Age):
    def __call__(self, now: Readings) -> torch.Tensor:
        return self.age[now.rows].unsqueeze(1)


@dataclass(frozen=True)
class LaterOptions:
    what: str
    width: int = 0


class Later(Term):
    """A term that is fine for a control step, and then is not."""

    Options = LaterOptions

    def __init__(self, options: LaterOptions, scene):
        self.options, self.steps = options, 0

    def __call__(self, now: Readings) -> torch.Tensor:
        fine = now.state.root_position[:, 0]
        fine = fine.unsqueeze(1).expand(-1, self.options.width).contiguous() if self.options.width else fine
        if self.steps < 2:
            return fine
        match self.options.what:
            case "shape":
                return torch.cat((fine, fine), -1)
            case "type":
                return fine.long()
            case "device":
                return fine.to("meta")
            case "fine":
                return fine
            case "nan":
                return torch.where(torch.arange(len(fine)).view(-1, *(1,) * (fine.dim() - 1)) == 1, torch.nan, fine)
        raise ZeroDivisionError("nothing\nto stand on")

    def update(self, step: Transition) -> None:
        self.steps += 1


class NoTerm:
    pass


def never_a_number(now: Readings) -> torch.Tensor:
    return 0.0 / (0.0 * now.state.root_position[:, 2])


class FailsWhenBuilt(Term):
    def __init__(self, options, scene):
        raise KeyError("heel")


class Lonely(Term):
    def __init__(self):
        pass


def no_argument() -> torch.Tensor:
    return torch.zeros(4)


def a_number(now: Readings) -> float:
    return 1.0


def double(now: Readings) -> torch.Tensor:
    return now.state.root_position[:, 0].double()


def columns(now: Readings) -> torch.Tensor:
    return now.state.root_position.double()


def one_for_all(now: Readings) -> torch.Tensor:
    return now.state.root_position[:, 0].mean()


@pytest.fixture
def build(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> Callable[..., MotionTrackingEnv]:
    """Build the environment with one more term."""

    def built(kind: str, name: str, **values) -> MotionTrackingEnv:
        terms = {**getattr(tracking_cfg.env, kind), name: CFGS[kind](**values)}
        return MotionTrackingEnv(replace(tracking_cfg, env=replace(tracking_cfg.env, **{kind: terms})), legs, march)

    return built


@pytest.mark.parametrize("kind", CFGS)
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, r"unknown (observation|reward|termination) term 'extra'; known: .*, or a module:Class of yours"),
        ({"function": "nowhere:term"}, r"unknown .* term 'nowhere:term' \(No module named 'nowhere'\); known: "),
        ({"function": "torch:nothing"}, r"unknown .* term 'torch:nothing' \(.*\); known: "),
        ({"function": "no_colon"}, "unknown .* term 'no_colon'; known: "),
        ({"function": f"{__name__}:CFGS"}, r"term must take one argument \(.* is not a callable object\)"),
        ({"function": f"{__name__}:no_argument"}, "term must take one argument"),
        ({"function": f"{__name__}:double", "options": {"a": 1}}, "is a function, which takes no options"),
        ({"function": f"{__name__}:NoTerm"}, r"derives from msemu\.envs\.terms\.Term"),
        ({"function": f"{__name__}:Lonely"}, r"must be built as Class\(options, scene\)"),
        (
            {"function": f"{__name__}:Age", "options": {"limits": 1}},
            "extra.options: unknown key 'limits'; did you mean",
        ),
        ({"function": f"{__name__}:a_number"}, "term .*:a_number gives a float; expected float32 of shape"),
        (
            {"function": f"{__name__}:double"},
            r"term .*:double gives float64 of shape \[4\] on cpu; expected",
        ),
        (
            {"function": f"{__name__}:columns"},
            r"term .*:columns gives float64 of shape \[4, 3\] on cpu; exp",
        ),
        (
            {"function": f"{__name__}:one_for_all"},
            r"one_for_all gives float32 of shape \[\] on cpu; expected",
        ),
    ],
)
def test_a_term_that_does_not_fit_is_one_line(build: Callable, kind: str, values: dict, message: str) -> None:
    with pytest.raises(MsemuError, match=message) as caught:
        build(kind, "extra", **values)
    assert "\n" not in str(caught.value) and kind.removesuffix("s") in str(caught.value)


def test_a_wrong_number_of_dimensions_is_named(build: Callable) -> None:
    with pytest.raises(MsemuError, match=r"env.observations.age: .* of shape \[4\] on cpu; .*\[num_envs, numbers\]"):
        build("observations", "age", function=f"{__name__}:Age")
    with pytest.raises(MsemuError, match=r"env.rewards.age: .* float32 of shape \[4, 1\] on cpu; .*\[num_envs\]"):
        build("rewards", "age", function=f"{__name__}:AgeAsObservation")


@pytest.mark.parametrize("kind", CFGS)
@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("shape", r" gives float32 of shape \[.*\] on cpu; expected float32 of shape \[num_envs.*, 4 on cpu"),
        ("type", r" gives int64 of shape \[4.*\] on cpu; expected float32 of shape \[num_envs.*, 4 on cpu"),
        ("device", r" gives float32 of shape \[4.*\] on meta; expected float32 of shape \[num_envs.*, 4 on cpu"),
        ("error", r" fails: ZeroDivisionError: nothing to stand on \(test_terms\.py, line \d+\)"),
    ],
)
def test_a_term_that_goes_wrong_later_is_named(build: Callable, kind: str, what: str, message: str) -> None:
    options = {"what": what, "width": 3 if kind == "observations" else 0}
    env = build(kind, "later", function=f"{__name__}:Later", options=options)
    env.step(torch.zeros(4, env.num_actions))
    place = f"env\\.{kind}\\.later: the {kind.removesuffix('s')} term .*:Later"
    with pytest.raises(MsemuError, match=f"^{place}{message}") as caught:
        env.step(torch.zeros(4, env.num_actions))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", CFGS)
def test_what_is_not_finite_is_named_and_harms_nothing(build: Callable, kind: str) -> None:
    values = {"function": f"{__name__}:Later"} | ({"limit": 9.0} if kind == "terminations" else {})
    options = {"what": "nan", "width": 3 if kind == "observations" else 0}
    env = build(kind, "later", **values, options=options)
    twin = build(kind, "later", **values, options={**options, "what": "fine"})
    env.step(torch.zeros(4, env.num_actions))
    assert env.complaints() == [] and twin.complaints() == []
    groups, rewards, dones, _ = env.step(torch.zeros(4, env.num_actions))
    (complaint,) = env.complaints()
    assert complaint.startswith(f"env.{kind}.later: the {kind.removesuffix('s')} term {__name__}:Later gives values")
    assert rewards.isfinite().all() and all(values.isfinite().all() for values in groups.values())
    assert dones.tolist() == ([0, 1, 0, 0] if kind == "terminations" else [0] * 4)


def test_a_term_that_is_wrong_from_the_start_is_refused(build: Callable) -> None:
    with pytest.raises(MsemuError, match=r"env\.rewards\.bad: .*:never_a_number gives a value that is not a finite"):
        build("rewards", "bad", function=f"{__name__}:never_a_number")
    with pytest.raises(MsemuError, match=r":FailsWhenBuilt fails: KeyError: 'heel' \(test_terms\.py, line \d+\)"):
        build("rewards", "bad", function=f"{__name__}:FailsWhenBuilt")


def test_training_tells_once_which_term_is_not_finite(train_cfg: TrainCfg, capsys: pytest.CaptureFixture) -> None:
    own = RewardTermCfg(weight=1.0, function=f"{__name__}:Later", options={"what": "nan"})
    train_cfg.env.rewards["later"], train_cfg.iterations = own, 3
    train("Msemu-Track-MyoLegs-v0", train_cfg)
    assert capsys.readouterr().err.count("warning: env.rewards.later: the reward term") == 1


def test_a_group_is_its_term_times_its_scale(build: Callable, tracking_cfg: TaskCfg) -> None:
    plain = build("observations", "muscle").get_observations()
    scaled = build("observations", "muscle", scale=-0.5).get_observations()
    assert list(plain.keys()) == list(scaled.keys()) == ["proprioception", "muscle", "reference"]
    assert torch.equal(scaled["muscle"], -0.5 * plain["muscle"])
    assert torch.equal(scaled["reference"], plain["reference"])


def test_the_reference_is_seen_as_far_ahead_as_the_task_says(build: Callable, legs: Body) -> None:
    short = build("observations", "reference", options={"future_frames": []}).get_observations()["reference"]
    long = build("observations", "reference", options={"future_frames": [1, 5, 15]}).get_observations()["reference"]
    assert (long.shape[1] - 2) == 4 * (short.shape[1] - 2)  # beside the phase, in sine and cosine


def test_a_term_decides_when_an_episode_ends(build: Callable) -> None:
    env = build("terminations", "age", function=f"{__name__}:Age", limit=2.0)
    env.cfg.env.terminations["body_position_deviation"].limit = 10.0
    ended = [env.step(torch.zeros(4, env.num_actions))[2].tolist() for _ in range(6)]
    assert ended == [[0] * 4, [0] * 4, [1] * 4] * 2


def test_a_value_that_is_not_a_number_is_a_failure(build: Callable) -> None:
    env = build("terminations", "age", function=f"{__name__}:Age", limit=float("inf"))
    env._terminate._terms["age"].age[1] = float("nan")
    assert env.step(torch.zeros(4, env.num_actions))[2].tolist() == [0, 1, 0, 0]


def test_what_an_observation_remembers_is_that_of_its_episode(build: Callable) -> None:
    env = build("observations", "age", function=f"{__name__}:AgeAsObservation")
    env.step(torch.zeros(4, env.num_actions))
    env.episode_length_buf[2] = env.max_episode_length
    after, _, dones, extras = env.step(torch.zeros(4, env.num_actions))
    assert dones.tolist() == [0, 0, 1, 0]
    assert extras["terminal_observations"]["age"].flatten().tolist() == [2.0, 2.0, 2.0, 2.0]
    assert after["age"].flatten().tolist() == [2.0, 2.0, 0.0, 2.0]


def test_an_option_of_a_plugin_has_the_range_that_it_declares(build: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(PLUGIN)
    with pytest.raises(MsemuError, match=r"env\.observations\.late\.options: delay_steps: 0 is not between 1 and 50"):
        build("observations", "late", function=DELAY, options={"delay_steps": 0})


def test_a_delay_is_the_force_of_some_steps_ago(build: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(PLUGIN)
    env = build("observations", "late", function=DELAY, options={"delay_steps": 2})
    env.cfg.env.terminations["body_position_deviation"].limit = 10.0
    forces, felt = [], []
    for _ in range(6):
        observations, *_ = env.step(torch.rand(4, env.num_actions))
        forces.append(env.transition.muscles.force)
        felt.append(observations["late"])
    assert not felt[0].any() and not felt[1].any()
    assert all(torch.equal(late, force) for late, force in zip(felt[2:], forces, strict=False))
    assert (forces[0] != forces[1]).any()


@pytest.mark.parametrize("kind", CFGS)
def test_a_memory_goes_on_where_it_was(build: Callable, kind: str) -> None:
    function = f"{__name__}:{'AgeAsObservation' if kind == 'observations' else 'Age'}"
    values = {"function": function} | ({"limit": 5.0} if kind == "terminations" else {})
    actions = torch.rand(12, 4, 80, generator=torch.Generator().manual_seed(0))
    env, twin = build(kind, "age", **values), build(kind, "age", **values)
    for action in actions[:4]:
        env.step(action)
    twin.load_state_dict({key: value.clone() for key, value in env.state_dict().items()})
    for action in actions[4:]:
        (groups, reward, dones, _), (other_groups, other_reward, other_dones, _) = env.step(action), twin.step(action)
        assert torch.equal(reward, other_reward) and torch.equal(dones, other_dones)
        assert all(torch.equal(groups[name], other_groups[name]) for name in groups.keys())  # noqa: SIM118
    fresh = build(kind, "age", **values)
    assert not fresh.state_dict()[f"{fresh._terms[list(CFGS).index(kind)].kind}_term.age.age"].any()


def test_muscles_are_those_from_before_a_reset(build: Callable, legs: Body) -> None:
    env = build("rewards", "muscle_power")
    env.episode_length_buf[1] = env.max_episode_length
    env.step(torch.full((4, env.num_actions), 0.8))
    muscles, alive = env.transition.muscles, [0, 2, 3]
    state, model = env.sim.read_muscles(), legs.model
    assert torch.equal(muscles.excitation, torch.sigmoid(torch.full((4, env.num_actions), 5.0 * 0.3)))
    for ours, theirs in (
        (muscles.activation, env.sim.act),
        (muscles.force, -env.sim.muscle_force / torch.as_tensor(model.actuator_gainprm[:, 2])),
        (muscles.power, state.power),
    ):
        torch.testing.assert_close(ours[alive], theirs[alive].float())
        assert not torch.allclose(ours[1], theirs[1].float(), rtol=1e-2), "this body was reset since"
    with pytest.raises(AttributeError, match="muscles have no 'length'; known: excitation, activation, force"):
        muscles.length  # noqa: B018


def test_an_agent_that_asks_for_what_is_not_there_is_told(train_cfg: TrainCfg, legs: Body, march: MotionClip) -> None:
    train_cfg.agent.obs_groups["critic"] = ["proprioception", "fiber"]
    env = MotionTrackingEnv(train_cfg, legs, march)
    message = (
        "the agent's critic sees the observation group 'fiber', and the environment offers proprioception, muscle,"
        r" reference; add the term: --env.observations.fiber '\{\}'"
    )
    with pytest.raises(MsemuError, match=message):
        Runner(env, train_cfg.agent, None, "cpu")
    train_cfg.env.observations["fiber"] = ObservationTermCfg()
    Runner(MotionTrackingEnv(train_cfg, legs, march), train_cfg.agent, None, "cpu")


def test_a_regularizer_remembers_too(train_cfg: TrainCfg, legs: Body, march: MotionClip) -> None:
    train_cfg.agent = small_agent("add")
    train_cfg.agent.algorithm["regularizers"] = {"age": {"weight": -1.0, "function": f"{__name__}:Age"}}
    env = MotionTrackingEnv(train_cfg, legs, march)
    algorithm, twin = (Runner(env, train_cfg.agent, None, "cpu").alg for _ in range(2))
    seen, env.episode_length_buf[1] = set(), env.max_episode_length - 3
    with torch.inference_mode():
        for _ in range(8):
            before = algorithm.save()["regularizers"]["age.age"] + 1
            obs, rewards, dones, extras = env.step(algorithm.act(env.get_observations()))
            algorithm.process_env_step(obs, rewards, dones, extras)
            assert extras["log"]["Regularizer/age"] == -before.mean()
            seen |= set(dones.tolist())
    saved = algorithm.save()
    assert saved["regularizers"]["age.age"].tolist() == [8.0, 5.0, 8.0, 8.0] and seen == {0, 1}
    twin.load(saved, None, True)
    assert torch.equal(twin.save()["regularizers"]["age.age"], saved["regularizers"]["age.age"])


def test_a_step_leaves_no_garbage(build: Callable) -> None:
    """A tensor in a circle of references would stay until the collector comes by."""
    env = build("rewards", "muscle_power")
    env.step(torch.zeros(4, env.num_actions))
    gc.collect()
    held = weakref.ref(env.transition.muscles)
    env.episode_length_buf[1] = env.max_episode_length
    gc.disable()
    try:
        env.step(torch.zeros(4, env.num_actions))
        assert held() is None
    finally:
        gc.enable()
