"""A run holds the files that its configuration names, wherever they and the run go."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from msemu.cli.train import parse
from msemu.components import find
from msemu.config import read_yaml
from msemu.envs.action.space import Scene
from msemu.envs.terms import Term
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.muscle.overrides import read_overrides
from msemu.rl.assemble import make_env, prepare
from msemu.rl.distributed import Team
from msemu.rl.own_files import find_files, keep_files
from msemu.rl.run_folder import RunFolder
from msemu.schema import MuscleCfg, RewardTermCfg, TrainCfg

TASK = "Msemu-Track-MyoLegs-v0"
EMG = "phase,soleus_r\n" + "".join(f"{row / 20},{0.4 if 4 < row < 12 else 0.1}\n" for row in range(20))


def with_emg(cfg: TrainCfg, file: Path) -> TrainCfg:
    file.parent.mkdir(exist_ok=True)
    file.write_text(EMG)
    cfg.env.rewards["emg"] = RewardTermCfg(weight=-1.0, options={"file": str(file)})
    return cfg


def test_a_measurement_stays_in_the_run_whatever_becomes_of_the_file(
    train_cfg: TrainCfg, march: MotionClip, tmp_path: Path
) -> None:
    file = tmp_path / "lab" / "soleus.csv"
    run, env = prepare(TASK, with_emg(train_cfg, file), Team())
    wanted = env._reward._terms["emg"]._envelope
    shutil.rmtree(file.parent)
    moved = RunFolder.open(run.path.rename(tmp_path / "elsewhere"))
    cfg = moved.load_config()
    body = moved.load_body(cfg)
    found = make_env(TASK, cfg, body, moved.load_clips(), 0)._reward._terms["emg"]._envelope
    assert torch.equal(found, wanted)
    kept = read_yaml(moved.path / "provenance.yaml")["files"]["files/soleus.csv"]
    assert kept == {"source": str(file), "sha256": hashlib.sha256(EMG.encode()).hexdigest()}
    moved.note_resumption(cfg, body)
    again = RunFolder.open(moved.path.rename(tmp_path / "once more"))
    assert Path(again.load_config().env.rewards["emg"].options["file"]).read_text() == EMG
    assert list((again.path / "files").iterdir()) == [again.path / "files" / "soleus.csv"]


def test_a_changed_copy_is_refused_and_can_be_taken_on_purpose(
    train_cfg: TrainCfg, legs: Body, march: MotionClip, tmp_path: Path
) -> None:
    run = RunFolder.create(TASK, with_emg(train_cfg, tmp_path / "mine.csv"), legs, [march])
    copy = run.path / "files" / "mine.csv"
    copy.write_text(EMG.replace("0.4", "0.5"))
    digest = hashlib.sha256(copy.read_bytes()).hexdigest()
    with pytest.raises(MsemuError, match=rf"{copy} is not what the run was made with .* write {digest} in"):
        run.load_config()
    provenance = read_yaml(run.path / "provenance.yaml")
    provenance["files"]["files/mine.csv"]["sha256"] = digest
    (run.path / "provenance.yaml").write_text(yaml.safe_dump(provenance))
    run.load_config()
    copy.unlink()
    with pytest.raises(MsemuError, match=rf"cannot read {copy}, which the run depends on"):
        run.load_config()


@dataclass
class TableOptions:
    """What a term of somebody's can be told."""

    table: Path
    more: tuple[str, ...] = ()
    factor: float = 0.25


class TableTerm(Term):
    Options = TableOptions

    def __init__(self, options: TableOptions, scene: Scene):
        self._value = options.factor * float(options.table.read_text())

    def __call__(self, step: Any) -> torch.Tensor:
        return torch.full((len(step.frame),), self._value)


def test_files_are_found_wherever_they_stand_and_defaults_are_written_out(
    train_cfg: TrainCfg, march: MotionClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder, text in (("one", "1"), ("two", "2"), ("three", "1")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "table.txt").write_text(text)
    Path("elu").write_text("a file that is called as an activation function is")
    options = {"table": "one/table.txt", "more": ["two/table.txt", "three/table.txt", "elu", "x" * 5000]}
    train_cfg.env.rewards["table"] = RewardTermCfg(weight=1.0, function=f"{__name__}:TableTerm", options=options)
    monkeypatch.setattr("msemu.envs.terms.find", lambda *asked: TableTerm if "TableTerm" in asked[1] else find(*asked))
    train_cfg.agent.actor["note"] = str(tmp_path / "two" / "table.txt")
    run, _ = prepare(TASK, train_cfg, Team())
    train = read_yaml(run.path / "config.yaml")["train"]
    written = train["env"]["rewards"]["table"]["options"]
    assert written["factor"] == 0.25, "a default that stands in code only"
    assert written["table"] == "files/table.txt" and train["agent"]["actor"]["note"] == "files/table_2.txt"
    assert written["more"] == ["files/table_2.txt", "files/table.txt", "elu", "x" * 5000]
    assert train["agent"]["actor"]["activation"] == "elu"
    for folder in ("one", "two"):
        shutil.rmtree(tmp_path / folder)
    monkeypatch.chdir("/")
    found = run.load_config()
    assert Path(found.env.rewards["table"].options["table"]).read_text() == "1"
    assert Path(found.agent.actor["note"]).read_text() == "2"


def test_a_yaml_file_is_kept_with_what_it_is_based_on(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("soleus_r: {max_isometric_force: 3000}")
    (tmp_path / "mine.yaml").write_text("base: base.yaml\nsoleus_l: {max_isometric_force: 2000}")
    records: dict[str, dict[str, str]] = {}
    values = {"sim": {"muscle": {"parameter_file": str(tmp_path / "mine.yaml")}}}
    kept = keep_files(values, tmp_path / "run", records)
    wanted = read_overrides(tmp_path / "mine.yaml")
    for name in ("base.yaml", "mine.yaml"):
        (tmp_path / name).unlink()
    found = find_files(kept, tmp_path / "run", records)["sim"]["muscle"]["parameter_file"]
    assert read_overrides(found) == wanted and len(wanted) == 2


def test_a_body_by_path_stays_in_the_run(train_cfg: TrainCfg, march: MotionClip, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("base: body/myolegs.yaml\ntitle: Mine\n")
    clip = tmp_path / "mine.npz"
    replace(march, body="mine").save(clip)
    cfg = replace(train_cfg, body=str(recipe), motion=str(clip))
    run, env = prepare(TASK, cfg, Team())
    recipe.unlink()
    clip.unlink()
    moved = RunFolder.open(run.path.rename(tmp_path / "elsewhere"))
    found = moved.load_body(moved.load_config())
    assert found.name == "mine" == moved.load_clips()[0].body and found.weight == env.body.weight


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("sim: {muscle: stretchy}", r"sim\.muscle: unknown muscle 'stretchy'"),
        ("sim: {muscle: {level: stretchy}}", r"sim: muscle: level: 'stretchy' is unknown; known: mujoco"),
        ("env: {action: dance}", r"env\.action: unknown action 'dance'"),
        ("env: {action: {kind: dance}}", r"env: action: unknown action 'dance'"),
    ],
)
def test_an_unknown_name_in_a_run_names_the_file(
    values: str, message: str, train_cfg: TrainCfg, legs: Body, march: MotionClip
) -> None:
    run = RunFolder.create(TASK, train_cfg, legs, [march])
    file = run.path / "config.yaml"
    config = read_yaml(file)
    for section, changed in yaml.safe_load(values).items():
        config["train"][section] |= changed
    file.write_text(yaml.safe_dump(config))
    with pytest.raises(MsemuError, match=rf"{file}: {message}"):
        run.load_config()


@pytest.mark.parametrize(
    "change", [lambda config: config.update(trian=config.pop("train")), lambda config: config.update(train=3)]
)
def test_a_run_whose_values_are_renamed_says_so(
    change: Callable[[dict[str, Any]], None], train_cfg: TrainCfg, legs: Body, march: MotionClip
) -> None:
    run = RunFolder.create(TASK, train_cfg, legs, [march])
    config = read_yaml(run.path / "config.yaml")
    change(config)
    (run.path / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(MsemuError, match=r"config.yaml has no values under the key 'train', but recipe, task, tr"):
        run.load_config()


def test_an_unknown_level_in_a_file_of_the_users_names_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("level: stretchy")
    with pytest.raises(MsemuError, match=rf"{file}: level: 'stretchy' is unknown; known: mujoco"):
        parse(TASK, ["--sim.muscle", str(file)])


def test_what_earlier_releases_kept_is_read(train_cfg: TrainCfg, legs: Body, march: MotionClip, tmp_path: Path) -> None:
    run = RunFolder.create(TASK, replace(train_cfg, sim=replace(train_cfg.sim, muscle=MuscleCfg())), legs, [march])
    (run.path / "muscle_parameters.yaml").write_text("soleus_r: {max_isometric_force: 3000.0}")
    config = read_yaml(run.path / "config.yaml")
    config["train"]["sim"]["muscle"]["parameter_file"] = "muscle_parameters.yaml"
    (run.path / "config.yaml").write_text(yaml.safe_dump(config))
    found = run.load_config()
    assert found.sim.muscle.parameter_file == run.path / "muscle_parameters.yaml"
    run.note_resumption(found, legs)
    assert run.load_config().sim.muscle.parameter_file == run.path / "muscle_parameters.yaml"
