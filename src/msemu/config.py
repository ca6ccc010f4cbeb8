"""Reading configuration: dataclasses (`msemu.schema`) are the schema, YAML files the values.

A YAML file may name one ``base``, a file beside it or, as in ``base: agent/ppo.yaml``, of msemu.cfg; its own values
then override the base's. An unknown key is an error, and so is a value outside of what is declared beside its field
(`msemu.schema.ranges`).
"""

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable
from functools import reduce
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import yaml

from msemu.components import resolve
from msemu.errors import MsemuError, suggestion
from msemu.schema.action import KINDS, ActionCfg, PriorCfg
from msemu.schema.muscle import MuscleCfg
from msemu.schema.preference import PreferenceCfg
from msemu.schema.ranges import Known, Rule

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Config = TypeVar("Config", bound="DataclassInstance")
Made = TypeVar("Made")
Part = TypeVar("Part", bound=ActionCfg | PriorCfg | MuscleCfg | PreferenceCfg)


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
    return reduce(lambda values, layer: merge(values, layer[1]), reversed(layers(path)), {})


def layers(path: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Read a YAML mapping and what it is based on, each with its file, without merging them; the file comes first.

    Raises:
        MsemuError: As `read_yaml`, or a file is based on itself.
    """
    found: list[tuple[Path, dict[str, Any]]] = []
    base: str | None = str(path)
    while base is not None:
        file = _base_file(found[-1][0], base) if found else Path(path)
        if file.resolve() in (earlier.resolve() for earlier, _ in found):
            raise MsemuError(f"{path}: {file} is based on itself; name another base")
        values = _read_mapping(file)
        named = values.pop("base", None)
        base = str(named) if named else None
        found.append((file, values))
    return found


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise MsemuError(f"no configuration file at {path}") from None
    except (yaml.YAMLError, ValueError, RecursionError, OSError) as error:
        raise MsemuError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise MsemuError(f"{path} must hold 'key: value' lines")
    return values


def load(schema: type[Config], path: Path) -> Config:
    """Read a YAML file into the dataclass ``schema``."""
    return build(schema, read_yaml(path), str(path))


def load_named(schema: type[Part], name: str) -> Part:
    """Read a part of a configuration that has files of its own: a dataclass with a ``role``, such as `MuscleCfg`.

    ``name`` is that of a file in the folder ``cfg/<role>``, or the path of a YAML file.

    Raises:
        MsemuError: There is no such file, or its values do not fit; the message names what is known.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else cfg_file(schema.role, name)
    part = _convert_part(schema, read_yaml(path), str(path), None)
    return part.relative_to(path.parent) if hasattr(part, "relative_to") else part


def build(schema: type[Config], values: dict[str, Any], where: str, default: Config | None = None) -> Config:
    """Make an instance of ``schema`` from nested mappings.

    Fields that are missing, at any depth, have the value of the instance ``default``, or their own default.
    ``where`` is what an error message calls the place of the values; below ``--`` they are options.

    Raises:
        MsemuError: A key is unknown, a required one is missing, or a value has the wrong type or is out of its range.
    """
    hints = typing.get_type_hints(schema, include_extras=True)
    known = {entry.name: entry for entry in dataclasses.fields(schema)}
    for key in values:
        if key not in known:
            raise MsemuError(f"{where}: unknown key '{key}'{suggestion(key, sorted(known))}")
    defaults = {key: _default(entry) if default is None else getattr(default, key) for key, entry in known.items()}
    for name, value in defaults.items():
        if value is dataclasses.MISSING and name not in values:
            raise MsemuError(f"{where}: the key '{name}' is missing")
    given = {key: _convert(hints[key], value, _below(where, key), defaults[key]) for key, value in values.items()}
    return at_place(where, lambda: schema(**{**defaults, **given}))


def check(config: "DataclassInstance", where: str) -> None:
    """Refuse an instance that was not read by `build`, or was changed since: what a program makes, and options.

    Raises:
        MsemuError: A value has the wrong type or is out of its range; the message names it below ``where``.
    """
    _convert(type(config), config, where)


def check_value(kind: Any, value: Any, where: str) -> Any:
    """Return one value that a program gave, held against its declared ``kind`` as those of `build` are.

    Raises:
        MsemuError: It has the wrong type or is out of its range; the message begins with ``where``.
    """
    return _convert(kind, value, where)


def merge(base: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return nested mappings of which ``values`` override those of ``base``."""
    merged = dict(base)
    for key, value in values.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def to_dict(config: Any) -> dict[str, Any]:
    """Plain nested mappings of a configuration, ready for YAML, in the order of the fields."""
    return _plain(dataclasses.asdict(config))


def _default(entry: dataclasses.Field) -> Any:
    return entry.default if entry.default_factory is dataclasses.MISSING else entry.default_factory()


def _base_file(path: Path, name: str) -> Path:
    beside = path.parent / name
    installed = Path(str(files("msemu.cfg"))) / name
    return beside if beside.is_file() or not installed.is_file() else installed


def _below(where: str, key: Any, joint: str = ": ") -> str:
    """Place of a key: ``file: env: key``, or ``--env.key`` where options are."""
    if where.startswith("--"):
        return f"{where}{'' if where == '--' else '.'}{str(key).replace('_', '-')}"
    return f"{where}{joint}{key}"


def _convert(hint: Any, value: Any, where: str, default: Any = None) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _obeying(arguments[1:], _convert(arguments[0], value, where, default), where)
    if origin is typing.Literal:
        return _obeying([Known(arguments)], value, where)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        kinds = [kind for kind in arguments if kind is not type(None)]
        is_list = isinstance(value, (list, tuple))
        fitting = [kind for kind in kinds if (typing.get_origin(kind) in (tuple, list)) == is_list]
        return _convert((fitting or kinds)[0], value, where, default)
    if dataclasses.is_dataclass(hint):
        return _convert_part(hint, value, where, default)
    if origin is dict:
        if not isinstance(value, dict):
            raise MsemuError(f"{where}: expected 'key: value' lines, not {value!r}")
        return {key: _convert(arguments[1], item, _below(where, key, ".")) for key, item in value.items()}
    if origin in (tuple, list):
        if not isinstance(value, (list, tuple)):
            raise MsemuError(f"{where}: expected a list, not {value!r}")
        fixed = origin is tuple and arguments[-1] is not Ellipsis
        kinds = list(arguments) if fixed else [arguments[0]] * len(value)
        if len(kinds) != len(value):
            raise MsemuError(f"{where}: expected {len(kinds)} values, not {len(value)}")
        return origin(_convert(kind, item, where) for kind, item in zip(kinds, value, strict=True))
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(str(value))  # inf for a whole number beyond what a float holds
    if hint is Any or (isinstance(value, hint) and not (hint is int and isinstance(value, bool))):
        return value
    is_text = hint is float and isinstance(value, str) and value[:1].isdigit()
    remedy = "; YAML reads 1e-3 as text, and 1.0e-3 as a number" if is_text else ""
    raise MsemuError(f"{where}: expected {hint.__name__}, not {value!r}{remedy}")


def _obeying(rules: Iterable[Any], value: Any, where: str) -> Any:
    """Return a value that obeys the rules of its declaration; a `typing.TypedDict` is one for the keys it knows."""
    for rule in rules:
        if isinstance(rule, Rule) and (refusal := rule.refusal(value)):
            raise MsemuError(f"{where}: {refusal}")
        if typing.is_typeddict(rule):
            hints = typing.get_type_hints(rule, include_extras=True)
            for key in filter(hints.__contains__, value):
                _convert(hints[key], value[key], _below(where, key))
    return value


def at_place(where: str, make: Callable[[], Made]) -> Made:
    """Make something of a configuration.

    Raises:
        MsemuError: As it is made; the message begins with the place of its values, such as a file.
    """
    try:
        return make()
    except MsemuError as error:
        raise MsemuError(str(error) if str(error).startswith(where) else f"{where}: {error}") from error


def _convert_part(schema: Any, value: Any, where: str, default: Any) -> Any:
    """Build a nested dataclass from its values, or from the name of the file that holds them."""
    role = getattr(schema, "role", None)
    if role and isinstance(value, str):
        return at_place(where, lambda: load_named(schema, value))
    if isinstance(value, schema):
        values = {entry.name: getattr(value, entry.name) for entry in dataclasses.fields(value)}
        return build(type(value), values, where)
    if not isinstance(value, dict):
        raise MsemuError(f"{where}: expected 'key: value' lines, not {value!r}")
    if schema in KINDS:
        schema = _of_kind(schema, value, where, default)
    return build(schema, value, where, default if type(default) is schema else None)


def _of_kind(schema: Any, values: dict[str, Any], where: str, default: Any) -> Any:
    """Find the dataclass that the values' ``kind`` has, or that of the default."""
    if "kind" not in values:
        if default is None:
            raise MsemuError(f"{where}: the key 'kind' is missing; known: {', '.join(KINDS[schema])}")
        return type(default)
    kind = values["kind"]
    if kind in KINDS[schema]:
        return KINDS[schema][kind]
    found = getattr(at_place(where, lambda: resolve(schema.role, kind)), "Cfg", None)
    if not (isinstance(found, type) and dataclasses.is_dataclass(found) and issubclass(found, schema)):
        raise MsemuError(f"{where}: the class {kind} needs a dataclass Cfg that derives from {schema.__name__}")
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
