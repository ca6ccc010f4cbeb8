"""Reading configuration: dataclasses (`msemu.schema`) are the schema, YAML files the values.

A YAML file may name one ``base``, a file beside it or, as in ``base: agent/ppo.yaml``, of msemu.cfg; its own values
then override the base's. An unknown key is an error.
"""

import dataclasses
import types
import typing
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import yaml

from msemu.errors import MsemuError, suggestion

Config = TypeVar("Config")


def cfg_file(kind: str, name: str) -> Path:
    """Path of an installed configuration file, such as ``cfg_file("task", "walk")``.

    Raises:
        MsemuError: There is no such file; the message names those that exist.
    """
    folder = Path(str(files("msemu.cfg"))) / kind
    path = folder / f"{name}.yaml"
    if not path.is_file():
        raise MsemuError(f"unknown {kind} '{name}'{suggestion(name, cfg_names(kind))}")
    return path


def cfg_names(kind: str) -> list[str]:
    """Names of the installed configuration files of one kind, such as ``task``, ``agent``, ``action`` or ``body``."""
    return sorted(path.stem for path in (Path(str(files("msemu.cfg"))) / kind).glob("*.yaml"))


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping and merge it over its ``base``.

    Raises:
        MsemuError: The file is missing, is not YAML, or is not a mapping.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise MsemuError(f"no configuration file at {path}") from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise MsemuError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise MsemuError(f"{path} must hold 'key: value' lines")
    base = values.pop("base", None)
    return _merge(read_yaml(_base_file(Path(path), str(base))), values) if base else values


def load(schema: type[Config], path: Path) -> Config:
    """Read a YAML file into the dataclass ``schema``."""
    return build(schema, read_yaml(path), str(path))


def build(schema: type[Config], values: dict[str, Any], where: str) -> Config:
    """Make an instance of ``schema`` from nested mappings.

    Args:
        schema: A dataclass.
        values: Values by field name; fields that are missing keep their defaults.
        where: What an error message calls the place of the values.

    Raises:
        MsemuError: A key is unknown, a required one is missing, or a value has the wrong type.
    """
    hints = typing.get_type_hints(schema)
    known = {entry.name: entry for entry in dataclasses.fields(schema)}
    for key in values:
        if key not in known:
            raise MsemuError(f"{where}: unknown key '{key}'{suggestion(key, sorted(known))}")
    for name, entry in known.items():
        no_default = entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING
        if no_default and name not in values:
            raise MsemuError(f"{where}: the key '{name}' is missing")
    return schema(**{key: _convert(hints[key], value, f"{where}: {key}") for key, value in values.items()})


def to_dict(config: Any) -> dict[str, Any]:
    """Plain nested mappings of a configuration, ready for YAML, in the order of the fields."""
    return _plain(dataclasses.asdict(config))


def _base_file(path: Path, name: str) -> Path:
    beside = path.parent / name
    installed = Path(str(files("msemu.cfg"))) / name
    return beside if beside.is_file() or not installed.is_file() else installed


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        kinds = [kind for kind in arguments if kind is not type(None)]
        is_list = isinstance(value, (list, tuple))
        fitting = [kind for kind in kinds if (typing.get_origin(kind) in (tuple, list)) == is_list]
        return _convert((fitting or kinds)[0], value, where)
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise MsemuError(f"{where}: expected 'key: value' lines, not {value!r}")
        return build(hint, value, where)
    if origin is dict:
        if not isinstance(value, dict):
            raise MsemuError(f"{where}: expected 'key: value' lines, not {value!r}")
        return {key: _convert(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if origin in (tuple, list):
        if not isinstance(value, (list, tuple)):
            raise MsemuError(f"{where}: expected a list, not {value!r}")
        fixed = origin is tuple and arguments[-1] is not Ellipsis
        kinds = arguments if fixed else (arguments[0],) * len(value)
        if len(kinds) != len(value):
            raise MsemuError(f"{where}: expected {len(kinds)} values, not {len(value)}")
        return origin(_convert(kind, item, where) for kind, item in zip(kinds, value, strict=True))
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if hint is Any or (isinstance(value, hint) and not (hint is int and isinstance(value, bool))):
        return value
    raise MsemuError(f"{where}: expected {hint.__name__}, not {value!r}")


def _merge(base: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in values.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
