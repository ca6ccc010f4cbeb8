"""The documentation site: what is generated for it, the Dockerfile, and what names the release."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from patience import PATIENCE_S
from places import ROOT
from shipped import SHIPPED

from msemu import __version__
from msemu.cli.commands import COMMANDS

sys.path[:0] = [str(ROOT / "tools/site"), str(ROOT / "docker")]
import check  # noqa: E402
import reference  # noqa: E402
import videos  # noqa: E402


def test_the_reference_names_every_command_field_and_term() -> None:
    pages = {name: make() for name, make in reference.PAGES.items()}
    assert all(f"\n## msemu-{words}\n" in pages["commands"] for words in COMMANDS)
    assert "| `episode_length_s` | `10.0` | above 0 and at most 3600 |" in pages["configuration"]
    assert "| `joint_angle` |" in pages["terms"] and "| `forbidden_contact` |" in pages["terms"]
    assert "`previous_excitation`" in pages["transition"] and "`landmark_position`" in pages["transition"]
    assert "### Policy.rollout" in pages["api"] and "`cycle_displacement`" in pages["formats"]


def test_every_page_of_the_navigation_exists_or_is_made() -> None:
    text = re.sub(r"!!python\S*", "", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    named = re.findall(r"[\w/]+\.md", str(yaml.safe_load(text)["nav"]))
    made = {f"reference/{name}.md" for name in reference.PAGES} | {"readme.md"}
    made |= {f"notebooks/{path.stem}.md" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert [page for page in named if page not in made and not (ROOT / "docs" / page).is_file()] == []


def test_the_landing_page_has_a_video_of_each_policy_and_clip_and_fetches_none(tmp_path: Path) -> None:
    for name in (*(f"policy_{task}" for task in SHIPPED), "clip_Msemu-Jump-MyoLegs-v0"):
        (tmp_path / f"{name}.mp4").touch()
    above, below = videos.policies(tmp_path), videos.motions(tmp_path)
    assert above.count("<video") == above.count('preload="none"') == above.count(".jpg") == len(SHIPPED)
    assert ">Walk on MyoLegs, native<" in above and "(#every-motion-on-every-body)" in above
    assert below.count("<video") == 1 and ">Jump on MyoLegs<" in below and "## Every motion" in below
    (tmp_path / ".clip_Msemu-Run-MyoLegs-v0.1.partial.mp4").touch()
    assert len(videos.files(tmp_path)) == len(SHIPPED) + 1, "what is being written stays out"
    assert "<video" not in videos.policies(tmp_path / "none") + videos.motions(tmp_path / "none")


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    for package in ("mkdocs", "material", "nbconvert"):
        pytest.importorskip(package)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}  # of the theme, about a release to come
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
    assert result.returncode == 0, result.stderr
    assert "WARNING" not in result.stderr and (tmp_path / "reference/commands.html").is_file()


def test_the_dockerfile_has_no_fault_and_faults_are_found() -> None:
    text = check.FILE.read_text(encoding="utf-8")
    assert list(check.faults(text)) == []
    wrong = {
        "FROM ubuntu": "an image with a tag",
        "FROM a:1\nCOPY nowhere here": "there is no such file",
        "FROM a:1\nCOPY tests tests": ".dockerignore leaves it out",
        "FROM a:1\nRUN apt-get install -y git": "--no-install-recommends",
        "FROM a:1\nRUN pip install x": "--no-cache-dir",
        "FROM a:1\nCMD msemu-train": "CMD is a list",
    }
    for lines, said in wrong.items():
        assert said in " ".join(check.faults(lines)), lines


@pytest.mark.slow
def test_the_layers_of_the_dockerfile_build(tmp_path: Path) -> None:
    check.build_layers(tmp_path)


def test_the_release_has_one_number() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    number = re.search(r'version="([\d.]+)"', (ROOT / "setup.py").read_text(encoding="utf-8"))
    assert number and number[1] == __version__ == citation["version"]
    assert citation["cff-version"] == "1.2.0" and {"title", "authors", "message"} <= citation.keys()


def test_scripts_tell_their_options() -> None:
    bash = shutil.which("bash") or "bash"
    help_page = subprocess.run([bash, str(ROOT / "tools/site/build.sh"), "--help"], capture_output=True, text=True)
    assert help_page.returncode == 0 and "--videos" in help_page.stdout
    lint = subprocess.run([sys.executable, str(ROOT / "docker/check.py"), "--lnt"], capture_output=True, text=True)
    assert lint.returncode == 2 and lint.stderr == "error: unknown option --lnt; there is --lint alone\n"
    wrong = subprocess.run([bash, str(ROOT / "tools/site/build.sh"), "--vidoes"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "unknown option --vidoes" in wrong.stderr
