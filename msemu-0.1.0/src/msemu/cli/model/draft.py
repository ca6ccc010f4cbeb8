"""``msemu-model draft``: a first recipe for somebody's model."""

import os
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.markup import escape

from msemu.cli.model.options import DraftCfg
from msemu.files import write_text
from msemu.models import load_body
from msemu.models.anatomy.draft import draft_recipe
from msemu.models.recipe import title_of

_HEAD = """\
# Drafted by msemu-model draft: what a comment calls a guess is one. docs/own_body.md says what each key is.
"""


def draft(args: DraftCfg) -> None:
    """Write the recipe, and say what of it is guessed."""
    made = draft_recipe(args.file, _relative(args.file, args.output), title_of(args.output))
    write_text(args.output, _HEAD + "\n".join(_lines(made.values, made.guessed)) + "\n")
    console = Console()
    for why in dict.fromkeys(made.guessed.values()):
        names = ", ".join(name for name, reason in made.guessed.items() if reason == why)
        console.print(f"guessed: [bold]{names}[/]: {escape(why)}")
    console.print(f"recipe: {args.output}", soft_wrap=True)
    body = load_body(str(args.output))
    console.print(f"{body.num_muscles} muscles, {len(body.joint_names)} joints, {body.mass:.1f} kg")
    console.print(f"what is wrong with it: msemu-model check {args.output}", soft_wrap=True)


def _relative(file: Path, output: Path) -> str:
    """Return the path of a model as the recipe says it: relative where the model lies beside or below the recipe."""
    folder, model = output.resolve().parent, file.resolve()
    return os.path.relpath(model, folder) if model.is_relative_to(folder) else str(model)


def _lines(values: dict[str, Any], guessed: dict[str, str]) -> list[str]:
    """Return YAML with an entry a line, and what was guessed marked."""
    lines = []
    for key, value in values.items():
        if key in ("landmarks", "points", "contact_capsules", "contact_regions"):
            lines.append(f"{key}:")
            for name, entry in value.items():
                remark = f"  # guess: {guessed[name]}" if name in guessed else ""
                lines.append(f"  {name}: {_inline(entry)}{remark}")
        else:
            lines.append(f"{key}: {_inline(value)}")
    return lines


def _inline(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
