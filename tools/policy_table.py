#!/usr/bin/env python
"""Measure the policies that come with msemu, and write their table into the page of results.

    python tools/policy_table.py --out runs/policies --page docs/results.md

A policy whose figures are in ``--out`` already is not measured again, unless its checkpoint has changed since. One of
a clip that repeats is measured over episodes of 10 s from all phases; one of a clip that ends from its first frame
with joints up to 5 degrees off, to its end, and once undisturbed.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from commands import run

from msemu.config import read_yaml
from msemu.errors import MsemuError, command
from msemu.files import write_text
from msemu.rl.checkpoints.checkpoint import read
from msemu.rl.pretrained import FOLDER, PretrainedRun, shipped

BEGIN, END = "<!-- policies: written by tools/policy_table.py -->", "<!-- end of policies -->"
PHYSICS_STEP_S = 0.002
"""What policies are judged at, whatever they learned at."""
LOOP_S = 10.0
"""Length of the episodes of a clip that repeats [s], whatever length a policy was trained with."""
FIGURES = {
    "survival": ("survival", "{:.0%}"),
    "survival_time_s": ("mean time", "{:.1f} s"),
    "joint_angle_error_deg": ("joints", "{:.1f} deg"),
    "body_position_error_cm": ("body", "{:.1f} cm"),
    "root_rotation_error_deg": ("pelvis", "{:.1f} deg"),
    "root_translation_error_cm": ("pelvis", "{:.1f} cm"),
    "muscle_power_w": ("positive power", "{:.0f} W"),
    "recorded_joint_angle_error_deg": ("joints, to the recording", "{:.1f} deg"),
    "recorded_body_position_error_cm": ("body, to the recording", "{:.1f} cm"),
}
"""Figures of ``msemu-eval --json`` in the table, with heading and format."""
_ERRORS = ("joint_angle_error_deg", "body_position_error_cm")
OTHERS = (
    ("MS-Emulator (arXiv:2603.29332): walking, about 700 muscles", {"joint_angle_error_deg": "<= 2 deg"}),
    (
        "the same, all motions: run, dance, cartwheel, spin kick, backflip",
        {"joint_angle_error_deg": "<= 7 deg", "body_position_error_cm": "about 6 cm"},
    ),
    (
        "MuscleMimic (arXiv:2603.25544): one policy for 972 clips, 354 muscles",
        {"joint_angle_error_deg": "7.4 deg", "body_position_error_cm": "2.7 cm"},
    ),
)
"""Figures that others report, by their own protocols."""


@command
def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the figures")
    parser.add_argument("--page", type=Path, help="page that holds the table between its marks; printed by default")
    parser.add_argument("--episodes", type=int, default=63, help="episodes of each policy")
    args = parser.parse_args()
    text = measured_table(args.out, args.episodes)
    if args.page:
        write_text(args.page, between_marks(args.page, text))
    else:
        print(text)


def measured_table(out: Path, episodes: int = 63) -> str:
    """Measure what ships and is not measured yet, and return the table."""
    return tabulate([(name, measured(name, episodes, out), about(name)) for name in shipped()])


def measured(task: str, episodes: int, out: Path) -> dict[str, Any]:
    """Figures of a policy, from ``msemu-eval``; those of an undisturbed episode of a clip that ends in an entry."""
    if not ends(PretrainedRun.of(task)):
        return _evaluated(task, task, out, f"--episodes={episodes}", f"--seconds={LOOP_S:g}")
    figures = _evaluated(task, task, out, f"--episodes={episodes}", "--from-start", "--start-noise-deg=5")
    return figures | {"undisturbed": _evaluated(task, f"{task}.undisturbed", out, "--episodes=1", "--from-start")}


def _evaluated(task: str, name: str, out: Path, *options: str) -> dict[str, Any]:
    """Figures under a name, measured with these options unless they are newer than the policy."""
    path, policy = out / f"{name}.json", FOLDER / task / "best.pt"
    if not path.is_file() or path.stat().st_mtime < policy.stat().st_mtime:
        path.parent.mkdir(parents=True, exist_ok=True)
        files = f"--json={path}", f"--plots={out / name}"
        run("eval", task, "--pretrained", *options, f"--timestep-s={PHYSICS_STEP_S}", *files)
    return json.loads(path.read_text(encoding="utf-8"))


def ends(policy: PretrainedRun) -> bool:
    """Return whether the clip that a policy follows ends: one that was recorded so, or any that was simulated."""
    recorded = read_yaml(policy.path / "config.yaml")["clips"]
    return policy.holds_clips or not all(clip["cyclic"] for clip in recorded)


def about(task: str) -> dict[str, Any]:
    """Return what it took to make a policy."""
    folder = PretrainedRun.of(task)
    cfg, provenance = folder.load_config(), read_yaml(folder.path / "provenance.yaml")
    steps = read(folder.path / "best.pt", "cpu").get("control_steps")
    return {
        "samples": None if steps is None else steps * cfg.num_envs,
        "cpu_hours": provenance.get("cpu_hours"),
        "strength_set": cfg.sim.muscle.strength_set,
        "commit": str(provenance["git"])[:7],
    }


def tabulate(rows: list[tuple[str, dict[str, Any], dict[str, Any]]]) -> str:
    """Make the table of the policies, and of what others report, as Markdown."""
    heads = [
        "policy",
        *(label for label, _ in FIGURES.values()),
        "undisturbed, to the recording",
        "turned",
        "strength",
        "samples",
        "CPU hours",
        "commit",
    ]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for task, figures, made in rows:
        values = (figures.get(key) for key in FIGURES)
        cells = [show(form, value) for value, (_, form) in zip(values, FIGURES.values(), strict=True)]
        once = figures.get("undisturbed", {})
        alone, whole = _outcome(once) if once else "", once or figures
        turns = whole.get("reference_turned_deg", 0.0) > 180.0
        turned = f"{whole['turned_deg']:.0f} of {whole['reference_turned_deg']:.0f} deg" if turns else ""
        made_by = [
            made["strength_set"],
            show("{:,}", made["samples"]),
            show("{:.1f}", made["cpu_hours"]),
            made["commit"],
        ]
        lines.append(f"| {' | '.join([f'`{task}`', *cells, alone, turned, *made_by])} |")
    for name, known in OTHERS:
        cells = [known.get(key, "") for key in FIGURES]
        lines.append(f"| {' | '.join([name, *cells, *[''] * 6])} |")
    return "\n".join(lines)


def _outcome(figures: dict[str, Any]) -> str:
    """Return survival, and errors against the recording, or against the clip where it is the recording."""
    joints, body = (figures.get(f"recorded_{key}", figures[key]) for key in _ERRORS)
    return f"{figures['survival']:.0%}, {joints:.1f} deg, {body:.1f} cm"


def show(form: str, value: float | None) -> str:
    """Format a figure, or nothing where it is not known."""
    return "" if value is None else form.format(value)


def between_marks(page: Path, text: str) -> str:
    """Return a page with the text between its marks.

    Raises:
        MsemuError: The page has no such marks.
    """
    content = page.read_text(encoding="utf-8")
    before, begin, rest = content.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise MsemuError(f"{page} has no line '{BEGIN}' with '{END}' after it")
    return f"{before}{begin}\n{text}\n{end}{after}"


if __name__ == "__main__":
    main()
