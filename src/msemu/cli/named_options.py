"""Options that name a file of values, such as ``--env.action joint``, and options of single values in it."""

from msemu.config import cfg_names, load_named, to_dict
from msemu.errors import MsemuError, suggestion
from msemu.schema import ActionCfg, MuscleCfg, TaskCfg

PARTS = {"env.action": ActionCfg, "sim.muscle": MuscleCfg}
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
    """Put the parts that the arguments name into ``cfg``, and return the arguments that are left.

    Raises:
        MsemuError: There is no such part, or an option belongs to another one than is chosen.
    """
    for path, schema in PARTS.items():
        section, key = path.split(".")
        name, arguments = take_option(arguments, path, schema.role)
        if name is not None:
            setattr(getattr(cfg, section), key, load_named(schema, name))
        _check_options(path, schema.role, to_dict(getattr(getattr(cfg, section), key)), arguments)
    return arguments


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
