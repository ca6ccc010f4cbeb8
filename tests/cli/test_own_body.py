"""From somebody's muscle model to a task, by the commands of docs/own_body.md."""

import shutil
from pathlib import Path

import pytest
import yaml
from command_line import assert_one_clear_line, run
from motion_files import trc_text, walking_markers
from walker import walker_xml, write_walker

from msemu.config import read_yaml
from msemu.models import load_body
from msemu.motion.clip import MotionClip
from msemu.motion.formats.trc import write_trc
from msemu.motion.geometry import joint_centers
from msemu.motion.source import JOINT_CENTERS
from msemu.rl.run_folder import RunFolder

SMALL = ("--num-envs", "2", "--device", "cpu", "--agent.num-steps-per-env", "8")


def test_from_a_model_to_a_task_that_stays_when_the_model_is_gone(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    write_walker(tmp_path / "models")
    code, out, _ = run("model", "draft", "models/walker.xml", "--output", "my_body.yaml")
    assert (code, "guessed: toe_r, toe_l: no body is called toes" in out, "12 muscles" in out) == (0, True, True)
    assert "toe_r: {body: foot_r" in Path("my_body.yaml").read_text()
    code, out, _ = run("model", "check", "my_body.yaml")
    assert (code, "0 errors" in out) == (0, True), out
    Path("walk.trc").write_text(trc_text(walking_markers(40)))
    code, out, err = run("motion", "import", "walk.trc", "--body", "my_body.yaml", "--out", "walk.npz")
    assert code == 0, out + err
    task = "Msemu-Track-MyBody-v0"
    code, out, err = run("train", task, "--body", "my_body.yaml", "--motion", "walk.npz", "--iterations", "2", *SMALL)
    assert code == 0, out + err
    body = load_body("my_body.yaml")
    shutil.rmtree("models")
    Path("my_body.yaml").unlink()
    moved = RunFolder.open(RunFolder.latest(task, Path("runs")).path.rename("elsewhere"))
    kept = moved.load_body(moved.load_config())
    assert kept.name == "my_body" and kept.joint_names == body.joint_names and kept.mass == body.mass
    code, out, err = run("eval", "elsewhere", "--episodes", "2", "--seconds", "0.2")
    assert code == 0, out + err
    copy = Path("elsewhere/files/model/walker.xml")
    copy.write_text(copy.read_text().replace("3000", "4000"))
    assert_one_clear_line(run("eval", "elsewhere"), f"{copy} is not what the run was made with")


@pytest.fixture
def walker(tmp_path: Path) -> Path:
    """The drafted recipe of somebody's model."""
    write_walker(tmp_path)
    assert run("model", "draft", tmp_path / "walker.xml", "-o", tmp_path / "walker.yaml").returncode == 0
    return tmp_path / "walker.yaml"


def test_a_person_by_height_and_by_markers(walker: Path) -> None:
    """A recipe in another folder than the one that it is based on; markers of a body are that body's size."""
    tall = walker.parent / "people" / "tall.yaml"
    code, out, err = run("model", "scale", walker, "--mass", "80", "--height", "1.9", "--output", tall)
    assert code == 0, out + err
    values = read_yaml(tall)
    assert (values["title"], values["scale"]["mass_kg"]) == ("Tall", 80)
    assert yaml.safe_load(tall.read_text())["base"] == "../walker.yaml"
    body = load_body(str(tall))
    assert body.mass == pytest.approx(80, rel=1e-12)
    centers = joint_centers(body, body.neutral_qpos[None].repeat(8, 0))
    static = walker.parent / "static.trc"
    write_trc(
        static, [0.02 * frame for frame in range(8)], dict(zip(JOINT_CENTERS, centers.swapaxes(0, 1), strict=True))
    )
    code, out, err = run(
        "model", "scale", walker, "--mass", "80", "--markers", static, "-o", walker.with_name("s.yaml")
    )
    assert code == 0, out + err
    found = read_yaml(walker.with_name("s.yaml"))["scale"]
    assert found["parts"] == pytest.approx(dict.fromkeys(found["parts"], values["scale"]["length"]), abs=1e-4)
    assert_one_clear_line(
        run("model", "scale", tall, "--mass", "70", "--height", "1.8", "-o", static.with_name("x.yaml")),
        "scaled already",
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "give --height, or --markers"),
        (("--height", "170"), "0.5 to 2 can be scaled: are the lengths in meters?"),
        (("--height", "0.5"), "times as long; 0.5 to 2 can be scaled"),
        (("--height", "1.7", "--markers", "static.trc"), "--height has no effect beside --markers"),
        (("--height", "1.7", "--unit", "mm"), "--unit"),
        (("--markers", "static.trc"), "do not give knee_r, knee_l, ankle_r, ankle_l"),
        (("--markers", "walker.xml"), "unknown format"),
        (("--markers", "none.trc"), "none.trc"),
    ],
)
def test_what_is_no_person_is_one_line(walker: Path, monkeypatch, options: tuple[str, ...], said: str) -> None:
    monkeypatch.chdir(walker.parent)
    hips = {name: points for name, points in walking_markers(8).items() if not name.startswith(("knee", "ankle"))}
    Path("static.trc").write_text(trc_text(hips))
    assert_one_clear_line(run("model", "scale", "walker.yaml", "--mass", "70", *options, "-o", "me.yaml"), said)
    assert not Path("me.yaml").exists()


def test_a_body_without_a_vertex_has_no_height(walker: Path) -> None:
    short = walker.with_name("short.yaml")
    values = read_yaml(walker)
    short.write_text(yaml.safe_dump({key: value for key, value in values.items() if key != "points"}))
    refused = run("model", "scale", short, "--mass", "70", "--height", "1.7", "-o", walker.with_name("x.yaml"))
    assert_one_clear_line(refused, "does not say how tall it is", "points: {vertex:")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            walker_xml().replace("tibia_r", "fin").replace("tibia_l", "flap"),
            "no bodies tibia_r, tibia_l or of names like",
        ),
        (walker_xml().replace("</mujoco>", ""), "cannot be read as MJCF"),
        (walker_xml().replace('mesh="bone"', 'mesh="bones"'), "does not compile"),
    ],
)
def test_what_is_no_model_of_a_person_is_not_drafted(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "model.xml").write_text(text)
    assert_one_clear_line(run("model", "draft", tmp_path / "model.xml", "-o", tmp_path / "x.yaml"), said)
    assert not (tmp_path / "x.yaml").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("<worldbody>", '<option gravity="0 -9.81 0"/><worldbody>', "it must point down along z"),
        (
            "<worldbody>",
            '<worldbody><geom type="plane" size="1 1 1"/><geom type="plane" size="1 1 1" pos="0 0 1"/>',
            "has 2 planes",
        ),
        (
            '<body name="pelvis"',
            '<body name="cart"><freejoint/><geom size="1"/></body><body name="pelvis"',
            "is free or a ball",
        ),
    ],
)
def test_what_a_model_stands_on(walker: Path, old: str, new: str, said: str) -> None:
    walker.with_name("odd.xml").write_text(walker_xml().replace(old, new))
    walker.write_text(yaml.safe_dump(read_yaml(walker) | {"source": {"path": "odd.xml"}}))
    assert_one_clear_line(run("model", "check", walker), said)


def test_a_task_of_a_body_by_path_wants_its_path() -> None:
    assert_one_clear_line(run("train", "Msemu-Track-MyBody-v0"), "unknown task 'Msemu-Track-MyBody-v0'")
    missing = run("train", "Msemu-Track-MyBody-v0", "--body", "my_body.yaml")
    assert_one_clear_line(missing, "no configuration file at my_body.yaml")


def test_a_clip_of_the_walker_keeps_its_feet(walker: Path) -> None:
    """A foot without toes of its own stands on its own sole."""
    (walker.parent / "walk.trc").write_text(trc_text(walking_markers(40)))
    out = walker.with_name("walk.npz")
    run("motion", "import", walker.parent / "walk.trc", "--body", walker, "--out", out)
    assert MotionClip.load(out).quality["penetration_max_cm"] < 1
