"""The task registry and its plug-ins."""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from patience import PATIENCE_S
from places import PLUGIN, ROOT

from msemu import registry
from msemu.cli.train import parse
from msemu.config import build, cfg_file, load, load_named, read_yaml
from msemu.errors import MsemuError
from msemu.models import PRETRAINED
from msemu.registry import TaskSpec, find_body, get_task, list_bodies, list_tasks, register_body, register_task
from msemu.rl.pretrained import PretrainedRun
from msemu.schema import ActionCfg, AgentCfg, TaskCfg, TrainCfg

LASTING = {"class_name": "autoregressive_gaussian", "correlation": 0.9}
LEGS = ["hip_*", "knee_*", "ankle_*", "subtalar_*", "mtp_*"]
TRUNK = ["flex_extension", "lat_bending", "axial_rotation"]


def run(code: str, *paths: Path) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (*paths, ROOT / "src")))}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=PATIENCE_S
    )


def test_the_default_tasks_are_known() -> None:
    ids = [spec.id for spec in list_tasks()]
    assert ids == sorted(ids)
    assert {"Msemu-Walk-MyoLegs-v0", "Msemu-Walk-MyoFullBody-v0", "Msemu-Walk-MsHuman700-v0"} <= set(ids)


def test_listing_imports_neither_torch_nor_mujoco() -> None:
    code = (
        "import sys; from msemu.registry import list_tasks; assert list_tasks();"
        "print([name for name in ('torch', 'mujoco', 'warp', 'rsl_rl') if name in sys.modules])"
    )
    assert run(code).stdout.strip() == "[]"


def test_an_unknown_task_gets_a_suggestion() -> None:
    with pytest.raises(MsemuError, match="did you mean Msemu-Walk-MyoLegs-v0"):
        get_task("Msemu-Walk-MyoLeg-v0")


@pytest.mark.usefixtures("own_registry")
def test_an_id_is_taken_once() -> None:
    spec = TaskSpec("Own-Task-v0", "track", "own", origin="someone")
    register_task(spec)
    with pytest.raises(MsemuError, match="already registered by someone"):
        register_task(spec)


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry whose changes are undone."""
    list_tasks()
    for name in ("_TASKS", "_BODIES"):
        monkeypatch.setattr(registry, name, dict(getattr(registry, name)))


@pytest.mark.usefixtures("own_registry")
def test_a_registered_body_has_the_tasks_that_its_recipe_asks_for(tmp_path: Path) -> None:
    recipe = tmp_path / "striders.yaml"
    recipe.write_text("base: body/myolegs.yaml\ntitle: Striders\nmotions: [walk_left, locomotion]\n")
    register_body(recipe, "someone")
    assert "striders" in list_bodies() and find_body("striders").recipe == recipe
    own = {spec.id: spec for spec in list_tasks() if spec.origin == "someone"}
    assert set(own) == {f"Msemu-{motion}-Striders-v0" for motion in ("Track", "WalkLeft", "Locomotion")}
    cfg = own["Msemu-WalkLeft-Striders-v0"].load_config()
    assert (cfg.body, cfg.motion) == ("striders", "walk_left")


@pytest.mark.usefixtures("own_registry")
@pytest.mark.parametrize(
    ("file", "lines", "said"),
    [
        ("own.yaml", "title: MyoLegs", "there is a body 'myolegs' with the title 'MyoLegs' already"),
        ("myolegs.yaml", "title: Own", "there is a body 'myolegs' with the title 'MyoLegs' already"),
        ("own.yaml", "description: nameless", "the key 'title' is missing"),
        (
            "own.yaml",
            "title: Own\nmotions: [walk_lef]",
            "no set of clips; did you mean walk_left",
        ),
        ("own.yaml", "title: 3", "title: expected str"),
    ],
)
def test_a_body_that_cannot_be_registered(tmp_path: Path, file: str, lines: str, said: str) -> None:
    (tmp_path / file).write_text(f"{lines}\n")
    before = list_bodies(), list_tasks()
    with pytest.raises(MsemuError) as caught:
        register_body(tmp_path / file)
    assert said in str(caught.value) and file in str(caught.value) and "\n" not in str(caught.value)
    assert (list_bodies(), list_tasks()) == before


WALK = "Msemu-Walk-MyoLegs-v0"


def test_a_task_is_learned_with_what_works_best_for_it() -> None:
    best = ["--env.action", "joint", "--agent", "ppo_prior", "--sim.device", "cpu", "--sim.timestep-s", "0.004"]
    assert parse(WALK, []) == parse(WALK, best)
    shipped = read_yaml(PRETRAINED / WALK / "config.yaml")["train"]["agent"]
    shipped["actor"]["distribution_cfg"] |= LASTING  # its noise was new in each step
    shipped["save_interval"] = 10
    assert parse(WALK, []).agent == build(AgentCfg, shipped, "the walk that comes with msemu"), "what was measured"
    assert parse("Msemu-Run-MyoLegs-v0", []).env.action == load_named(ActionCfg, "joint_running")


@pytest.mark.parametrize(("body", "trunk"), [("MyoFullBody", TRUNK), ("MsHuman700", ["L5_*", "T12_*"])])
def test_a_walk_of_a_whole_body_is_learned_as_the_one_that_ships(body: str, trunk: list[str]) -> None:
    """With less noise, and the policy leads legs and trunk."""
    task = f"Msemu-Walk-{body}-v0"
    best = ["--env.action", "joint", "--agent", "ppo_prior", "--sim.device", "cpu", "--env.action.led", *LEGS, *trunk]
    best += ["--agent.algorithm.desired-kl-per-action", "0.006", "--agent.actor.distribution-cfg.init-std", "0.06"]
    assert parse(task, []) == parse(task, best)
    shipped = read_yaml(PRETRAINED / task / "config.yaml")["train"]
    assert shipped["agent"]["actor"]["distribution_cfg"].items() >= LASTING.items()
    found = parse(task, [])
    own = dataclasses.replace(build(AgentCfg, shipped["agent"], "the walk"), save_interval=found.agent.save_interval)
    assert found.agent == own and found.env.action.led == shipped["env"]["action"]["led"]
    assert found.sim.timestep_s == shipped["sim"]["timestep_s"]


def test_a_run_of_a_whole_body_is_learned_as_the_one_that_ships() -> None:
    """With the controller of running, for whose trunk only the strength that is asked for suffices."""
    task = "Msemu-Run-MyoFullBody-v0"
    shipped, found = PretrainedRun.of(task).load_config(), parse(task, [])
    assert (found.agent, found.env.action) == (shipped.agent, shipped.env.action)
    assert found.env.episode_length_s == shipped.env.episode_length_s
    assert found.sim.timestep_s == shipped.sim.timestep_s
    assert (found.sim.muscle.strength_set, shipped.sim.muscle.strength_set) == ("own", "athlete")


@pytest.mark.parametrize(
    "options",
    [["--agent", "add"], ["--agent=ppo"], ["--env.action", "residual"], ["--sim.engine", "warp"], ["--sim.device=cpu"]],
)
def test_who_chooses_how_to_learn_starts_from_plain_values(options: list[str]) -> None:
    cfg, plain = parse(WALK, options), get_task(WALK).load_config()
    assert cfg.sim.timestep_s == plain.sim.timestep_s
    if "--env.action" not in options:
        assert cfg.env.action == plain.env.action
    if options[0] not in ("--agent", "--agent=ppo"):
        assert cfg.agent == load(AgentCfg, cfg_file("agent", "ppo"))


def test_a_task_of_a_plugin_is_learned_as_it_says(tmp_path: Path) -> None:
    plain = TaskSpec("Own-Task-v0", "track", "own", agent="add")
    assert plain.load_training() == TrainCfg(**vars(plain.load_config()), agent=plain.load_agent())
    own = tmp_path / "own.yaml"
    own.write_text("agent: amp\nnum_envs: 7\nenv: {episode_length_s: 3.0}\n")
    cfg = dataclasses.replace(plain, training=own).load_training()
    assert (cfg.num_envs, cfg.env.episode_length_s) == (7, 3.0) and cfg.agent == load(
        AgentCfg, cfg_file("agent", "amp")
    )
    assert cfg.env.rewards == plain.load_config().env.rewards
    for wrong, said in (("agent: adx", "unknown agent 'adx'"), ("nev: {}", "own.yaml: unknown key 'nev'")):
        own.write_text(f"{wrong}\n")
        with pytest.raises(MsemuError, match=said):
            dataclasses.replace(plain, training=own).load_training()
    with pytest.raises(MsemuError, match="unknown training 'controler'; did you mean controller"):
        dataclasses.replace(plain, training="controler").load_training()


def test_an_unknown_body_gets_a_suggestion() -> None:
    with pytest.raises(MsemuError, match="unknown body 'myoleg'; did you mean myolegs"):
        find_body("myoleg")


@pytest.fixture(scope="module")
def installed_plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package, installed into a folder as pip installs it for a user."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--target", str(target), str(PLUGIN)], check=True, timeout=PATIENCE_S)
    return target


def test_an_installed_plugin_is_found_and_a_broken_one_left_out(installed_plugin: Path) -> None:
    code = (
        "from msemu.registry import get_task, list_tasks; ids = [spec.id for spec in list_tasks()];"
        "assert 'Msemu-Walk-MyoLegs-v0' in ids; cfg = get_task('Example-TiptoeWalk-MyoLegs-v0').load_config();"
        "print(cfg.env.rewards['ankle_height'].function)"
    )
    result = run(code, installed_plugin)
    assert result.stdout.strip() == "msemu_plugin_example.rewards:ankle_height", result.stderr
    assert "the plug-in 'broken_example' of msemu-plugin-example is left out" in result.stderr
    assert "broken on purpose" in result.stderr


def twice() -> None:
    for _ in range(2):
        register_task(TaskSpec("Own-Twice-v0", "track", "own", origin="bad-plugin"))


def quits() -> None:
    sys.exit("enough\nof this")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (ImportError("no module\nnamed x"), "ImportError: no module named x"),
        (3, "TypeError: 'int' object is not callable"),
        (lambda: register_task("Own-v0"), "a task is registered as a TaskSpec .* not as 'Own-v0'"),  # type: ignore[arg-type]
        (lambda: register_task(TaskSpec(3, "track", "own")), "a task is registered as a TaskSpec"),  # type: ignore[arg-type]
        (twice, "the task id Own-Twice-v0 is already registered by bad-plugin"),
        (quits, "SystemExit: enough of this"),
    ],
)
@pytest.mark.usefixtures("own_registry")
def test_a_wrong_plugin_is_named_and_leaves_the_others(
    monkeypatch: pytest.MonkeyPatch, found: object, said: str
) -> None:
    def load() -> object:
        if isinstance(found, Exception):
            raise found
        return found

    before = list_tasks()
    entry = SimpleNamespace(name="bad", value="bad_plugin:register", dist=SimpleNamespace(name="bad-plugin"), load=load)
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry])
    monkeypatch.setattr(registry, "_are_plugins_loaded", False)
    with pytest.warns(UserWarning, match=f"the plug-in 'bad' of bad-plugin is left out: .*{said}") as caught:
        assert set(before) <= set(list_tasks())
    assert len(caught) == 1 and "\n" not in str(caught[0].message)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (lambda: {"body": "myolegs"}, r"the config of the task Own-v0 of me gives no TaskCfg but \{'body'"),
        (lambda: TaskCfg("myolegs", num_envs=0), "the config of the task Own-v0 of me: num_envs: 0 is not between"),
        (lambda: {}["body"], r"the config of the task Own-v0 of me fails: KeyError: 'body' \(test_registry\.py"),
    ],
)
def test_a_wrong_config_of_a_task_is_named(config: Callable, said: str) -> None:
    with pytest.raises(MsemuError, match=said):
        TaskSpec("Own-v0", config, "own", origin="me").load_config()


def test_a_plugins_task_runs_with_its_own_terms(installed_plugin: Path, legs, march, tmp_path: Path) -> None:
    march.save(tmp_path / "march.npz")
    code = (
        "import torch; from msemu.rl.assemble import *; from msemu.registry import get_task;"
        "cfg = get_task('Example-TiptoeWalk-MyoLegs-v0').load_config(); cfg.num_envs = 2;"
        f"cfg.motion = {str(tmp_path / 'march.npz')!r}; body = load_body(cfg.body);"
        "env = make_env('Example-TiptoeWalk-MyoLegs-v0', cfg, body, load_clips(cfg, body), 0);"
        "first = [env.step(torch.zeros(2, env.num_actions)) for _ in range(4)];"
        "assert [bool(step[0]['delayed_force'].any()) for step in first] == [False, False, False, True];"
        "assert 0.05 < first[0][3]['log']['Reward/ankle_height'] < 0.4, first[0][3]['log'];"
        "env.cfg.env.terminations['pelvis_drop'].limit = -1.0;"
        "assert env.step(torch.zeros(2, env.num_actions))[2].all(); print('ran')"
    )
    result = run(code, installed_plugin)
    assert result.stdout.strip() == "ran", result.stderr


def test_a_plugins_body_is_listed_and_its_task_runs(installed_plugin: Path, legs, march, tmp_path: Path) -> None:
    dataclasses.replace(march, body="braced_legs").save(tmp_path / "march.npz")
    code = (
        "import torch; from msemu.rl.assemble import *; from msemu.registry import get_task, list_bodies;"
        "assert 'braced_legs' in list_bodies(); task = get_task('Msemu-Walk-BracedLegs-v0');"
        "cfg = task.load_config(); cfg.num_envs = 2; body = load_body(cfg.body);"
        "assert cfg.motion == 'walk' and body.model.joint('ankle_angle_r').range[1] == 0.17;"
        f"cfg.motion = {str(tmp_path / 'march.npz')!r}; env = make_env(task.id, cfg, body, load_clips(cfg, body), 0);"
        "reward = env.step(torch.zeros(2, env.num_actions))[1]; assert reward.isfinite().all(); print('ran')"
    )
    result = run(code, installed_plugin)
    assert result.stdout.strip() == "ran", result.stderr


def test_what_was_found_is_followed_in_the_way_that_works_best_for_the_task_unless_told_otherwise() -> None:
    task, found = "Msemu-Jump-MyoFullBody-v0", ["--from-track", "jump.npz"]
    own = parse(task, found)
    assert own.env.action.controller.decoder.contact.height_m == 0.01 and "hip_*" in own.env.action.led
    assert own.env == parse(task, []).env and own.agent == parse(task, []).agent
    for more in (["--agent", "ppo_prior"], ["--env.action", "joint"], ["--sim.device", "cpu"]):
        plain = parse(task, [*found, *more])
        assert plain.env.action.kind == "joint" and not plain.env.action.led
    assert parse(task, [*found, "--env.action", "excitation"]).env.action.kind == "excitation"
