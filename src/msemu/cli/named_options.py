"""Options that name a file of values, such as ``--env.action joint``, and options of single values in it."""

import yaml

from msemu.config import build, cfg_names, load_named, to_dict
from msemu.errors import MsemuError, suggestion
from msemu.schema import ActionCfg, EnvCfg, MuscleCfg, TaskCfg

PARTS: dict[str, type[ActionCfg | MuscleCfg]] = {"env.action": ActionCfg, "sim.muscle": MuscleCfg}
"""Parts of a task's configuration that have files of their own in cfg/<role>."""


def take_option(arguments: list[str], option: str, role: str) -> tuple[str | None, list[str]]:
    """Take ``--option NAME`` out of the arguments, and return the name that comes last, if any, and the rest.

    Args:
        arguments: Words of the command line.
        option: Name of the option.
        role: Folder of cfg whose files it names.

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
            raise MsemuError(f"--{option} wants a name ({', '.join(cfg_names(role))}) or a YAML file")
    return found, rest


def choose_parts(cfg: TaskCfg, arguments: list[str]) -> list[str]:
    """Put the parts and terms that the arguments name into ``cfg``, and return the arguments that are left.

    Raises:
        MsemuError: There is no such part or term, or an option belongs to another part than is chosen.
    """
    for path, schema in PARTS.items():
        section, key = path.split(".")
        name, arguments = take_option(arguments, path, schema.role)
        if name is not None:
            setattr(getattr(cfg, section), key, load_named(schema, name))
        _check_options(path, schema.role, to_dict(getattr(getattr(cfg, section), key)), arguments)
    return _choose_terms(cfg.env, arguments)


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


def _check_options(path: str, role: str, values: dict, arguments: list[str]) -> None:
    known = _names(values)
    for word in arguments:
        option = word.partition("=")[0]
        name = option.removeprefix(f"--{path}.")
        if name != option and name.replace("_", "-") not in known:
            chosen = f"the {role} '{values['kind']}'" if "kind" in values else f"the {role} that is chosen"
            hint = suggestion(name, known)
            raise MsemuError(f"{chosen} has no value '{name}'{hint}; --{path} chooses: {', '.join(cfg_names(role))}")


def _names(values: dict, prefix: str = "") -> list[str]:
    """Names of the options of nested values."""
    names = []
    for key, value in values.items():
        name = f"{prefix}{key.replace('_', '-')}"
        names += _names(value, f"{name}.") if isinstance(value, dict) else [name]
    return [name for name in names if name.split(".")[-1] != "kind"]
