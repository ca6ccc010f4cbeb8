"""Options that name a file of values, such as ``--env.action joint``, and options of single values in it."""

from dataclasses import is_dataclass, replace
from typing import Any, get_args, get_type_hints

import yaml

from msemu.cli.parsing import option_names
from msemu.config import build, cfg_names, load_named
from msemu.errors import MsemuError, suggestion
from msemu.schema import ActionCfg, EnvCfg, MuscleCfg, PreferenceCfg, TaskCfg

Part = ActionCfg | MuscleCfg | PreferenceCfg
PARTS: dict[str, type[Part]] = {
    "env.action": ActionCfg,
    "env.action.preference": PreferenceCfg,
    "sim.muscle": MuscleCfg,
}
"""Parts of a task's configuration that have files of their own in cfg/<role>; a part comes before those within it."""


def named_values(role: str) -> str:
    """Say what an option wants that names a file in the folder ``cfg/<role>``."""
    return f"a name ({', '.join(cfg_names(role))}) or a YAML file"


def take_option(arguments: list[str], option: str, wanted: str) -> tuple[str | None, list[str]]:
    """Take ``--option NAME`` out of the arguments; return the name that comes last, if any, and the rest.

    ``wanted`` says what it wants, for the message when nothing follows.

    Raises:
        MsemuError: No name follows.
    """
    found, rest, words = None, [], iter(arguments)
    for word in words:
        head, equals, name = word.partition("=")
        if head != f"--{option}":
            rest.append(word)
            continue
        found = name if equals else next(words, "")
        if not found or found.startswith("-"):
            raise MsemuError(f"--{option} wants {wanted}")
    return found, rest


def choose_parts(cfg: TaskCfg, arguments: list[str]) -> list[str]:
    """Put the parts and terms that the arguments name into ``cfg``, and return the arguments that are left.

    Raises:
        MsemuError: There is no such part or term, or an option belongs to another part than is chosen.
    """
    names: dict[str, str | None] = {}
    for path, schema in PARTS.items():
        names[path], arguments = take_option(arguments, path, named_values(schema.role))
    for path, schema in PARTS.items():
        if (name := names[path]) is not None:
            _put(cfg, path.split("."), load_named(schema, name))
        part = _found(cfg, path)
        if part is not None:
            _fill_optional(part, path, arguments)
            _check_options(path, schema.role, part, arguments)
    return _choose_terms(cfg.env, arguments)


def _found(cfg: Any, path: str) -> Any:
    """Return the part of a configuration at a dotted path; None where there is no such part."""
    for key in path.split("."):
        cfg = getattr(cfg, key, None)
    return cfg


def _put(cfg: Any, path: list[str], part: Part) -> Any:
    """Set a part of a configuration and return this; where it is frozen, a copy.

    Raises:
        MsemuError: There is no such part.
    """
    key, *below = path
    if not hasattr(cfg, key):
        raise MsemuError(
            f"the action '{cfg.kind}' has no {key}, its muscles prefer nothing; leave --env.action.{key} out"
        )
    value = _put(getattr(cfg, key), below, part) if below else part
    if type(cfg).__dataclass_params__.frozen:
        return replace(cfg, **{key: value})
    setattr(cfg, key, value)
    return cfg


def _choose_terms(env: EnvCfg, arguments: list[str]) -> list[str]:
    """Take ``--env.observations.NAME {...}`` out of the arguments: a term, written as in YAML, that ``env`` gets."""
    words, rest = iter(arguments), []
    for word in words:
        option, equals, text = word.partition("=")
        kind, _, name = option.removeprefix("--env.").partition(".")
        if kind not in ("observations", "rewards", "terminations") or not option.startswith("--env.") or "." in name:
            rest.append(word)
            continue
        try:
            values = {kind: {name.replace("-", "_"): yaml.safe_load(text if equals else next(words, ""))}}
        except yaml.YAMLError:
            raise MsemuError(f"{option} wants a term as in YAML, such as '{{}}' or '{{weight: -0.1}}'") from None
        getattr(env, kind).update(getattr(build(EnvCfg, values, "--env"), kind))
    return rest


def _fill_optional(part: Part, path: str, arguments: list[str]) -> None:
    """Give a part those nested values, left out by default (fatigue), that the arguments say something of."""
    for name, hint in get_type_hints(type(part)).items():
        kinds = [kind for kind in get_args(hint) if isinstance(kind, type) and is_dataclass(kind)]
        option = f"--{path}.{name.replace('_', '-')}."
        if kinds and getattr(part, name) is None and any(word.startswith(option) for word in arguments):
            setattr(part, name, kinds[0]())


def _check_options(path: str, role: str, part: Part, arguments: list[str]) -> None:
    kind = getattr(part, "kind", None)
    known = [name for name in option_names(type(part), part, "") if name.split(".")[-1] != "kind"]
    for word in arguments:
        option = word.partition("=")[0]
        name = option.removeprefix(f"--{path}.")
        if name != option and name.replace("_", "-") not in known:
            chosen = f"the {role} '{kind}'" if kind else f"the {role} that is chosen"
            hint = suggestion(name, known)
            raise MsemuError(f"{chosen} has no value '{name}'{hint}; --{path} chooses: {', '.join(cfg_names(role))}")
