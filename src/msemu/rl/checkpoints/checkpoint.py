"""Checkpoints: files of tensors, numbers and strings, and nothing that runs.

A file is what `torch.save` writes, followed by a line with the SHA-256 of it, so that a file with a single changed bit
is refused. Nothing in it is unpacked, and no tensor larger than the file is accepted.
"""

import hashlib
import os
import pickletools
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

import torch

from msemu.errors import MsemuError
from msemu.files import whole_file

FORMAT = "msemu-checkpoint-2"
_EARLIER_FORMAT = "msemu-checkpoint-1"
"""Of files without a SHA-256; the CRC-32 of their parts takes its place."""
_SEAL = b"\nmsemu sha256 "
_SEAL_BYTES = len(_SEAL) + 64
_NUMBERED = re.compile(r"model_(0|[1-9][0-9]*)\.pt")
_POLICY = ("actor_state_dict", "head", "control_steps", "iter", "best_error_cm")
"""What of a checkpoint a policy needs that learns no more."""
_UNBOUNDED = ("env", "logger", "best_error_cm", "replay", "discriminator")
"""What of a checkpoint nobody learned and may be infinite, and a discriminator: training goes on without its reward."""
_OPTIONAL = ("head", "control_steps", "regularizers", "cuda")
"""What checkpoints of earlier releases, or of other machines, do not hold."""
_PLAIN = re.compile(r"collections OrderedDict|torch\._utils _rebuild_(tensor_v[23]|parameter)|torch(\.storage)? \w+")
"""What `torch.save` names for tensors."""
_GROUP = ("params", "lr", "betas", "eps", "weight_decay")
_LISTED = 40
"""Entries that a message names."""


def write(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all, see `msemu.files.whole_file`.

    Raises:
        MsemuError: The folder cannot be written, or what was learned is not finite.
    """
    if bad := _not_finite(content):
        raise MsemuError(
            f"{path} is not written: {_listed(bad)}; go on from an earlier checkpoint with a lower learning rate"
        )
    remedy = "check that the folder may be written to and that the disk has room"
    with whole_file(path, remedy) as unfinished, open(unfinished, "wb") as file:
        sealed = _Sealed(file)
        try:
            torch.save({"format": FORMAT, **content}, cast(IO[bytes], sealed))
        except RuntimeError as error:
            raise sealed.error or error from None
        file.write(_SEAL + sealed.digest.hexdigest().encode())


def write_policy(path: Path, content: dict[str, Any]) -> None:
    """Write of a checkpoint only what a policy needs that learns no more; see `write`."""
    write(path, policy_of(content))


def policy_of(content: dict[str, Any]) -> dict[str, Any]:
    """Return of a checkpoint only what a policy needs that learns no more."""
    return {name: content[name] for name in _POLICY if name in content}


def is_policy(content: dict[str, Any]) -> bool:
    """Return whether a checkpoint holds only what a policy needs that learns no more."""
    return content.keys() <= {"format", *_POLICY}


def read(
    path: Path, device: str | torch.device, examine: Callable[[dict[str, Any]], list[str]] = lambda content: []
) -> dict[str, Any]:
    """Read a checkpoint written by `write`; ``examine`` says what else is wrong with a content, see `differences`.

    Raises:
        MsemuError: The file is missing, damaged or foreign, or holds weights that are not finite. The message names all
            entries that are wrong.
    """
    try:
        is_sealed = _check_seal(path)
        _check_parts(path, is_sealed)
        content = torch.load(path, weights_only=True, map_location=device)
    except MsemuError:
        raise
    except FileNotFoundError:
        raise MsemuError(f"no checkpoint at {path}") from None
    except OSError as error:
        raise MsemuError(f"cannot read the checkpoint {path}: {error.strerror}") from error
    except Exception as error:  # zipfile and torch raise many kinds for damaged input, and give advice of their own
        raise MsemuError(f"{path} is truncated or is not a checkpoint; use another one of the run") from error
    if not isinstance(content, dict) or content.get("format") not in (FORMAT, _EARLIER_FORMAT):
        raise MsemuError(f"{path} is not a checkpoint of this msemu release (wanted {FORMAT})")
    wrong = [] if is_sealed or content["format"] == _EARLIER_FORMAT else ["its SHA-256 is missing"]
    if wrong := wrong + (_too_large(path, content) or _not_finite(content) + examine(content)):
        raise MsemuError(
            f"{path} is damaged, or belongs to another body, network or task: {_listed(wrong)}; use another checkpoint"
        )
    return content


def differences(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Say which entries of a checkpoint are not those that a run would write, by name, kind, type and shape."""
    optional = _OPTIONAL if found.get("format") == _EARLIER_FORMAT else ("cuda",)
    return list(_differences(found, wanted, "", optional))


def numbered(folder: Path) -> list[Path]:
    """Checkpoints ``model_<iteration>.pt`` of a folder, oldest first; files of other names are the user's."""
    found = (path for path in Path(folder).glob("model_*.pt") if _NUMBERED.fullmatch(path.name) and path.is_file())
    return sorted(found, key=iteration_of)


def iteration_of(path: Path) -> int:
    """Return the number of the iteration that a checkpoint is named after."""
    return int(path.stem.removeprefix("model_"))


class _Sealed:
    """A file that keeps the SHA-256 of what is written, and its error, which torch hides behind one of its own."""

    def __init__(self, file: IO[bytes]):
        self._file = file
        self.digest = hashlib.sha256()
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write."""
        self.digest.update(data)
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        """Pass on what is written."""
        self._file.flush()


def _check_seal(path: Path) -> bool:
    """Compare the SHA-256 at the end of a file with its content; false where there is none."""
    with open(path, "rb") as file:
        rest = max(0, file.seek(0, os.SEEK_END) - _SEAL_BYTES)
        file.seek(rest)
        seal = file.read()
        if not seal.startswith(_SEAL):
            return False
        file.seek(0)
        digest = hashlib.sha256()
        while rest and (block := file.read(min(rest, 1 << 20))):
            digest.update(block)
            rest -= len(block)
    if seal.removeprefix(_SEAL) != digest.hexdigest().encode():
        raise MsemuError(
            f"{path} is damaged: its content is not what was written (SHA-256); use another one of the run"
        )
    return True


def _check_parts(path: Path, is_sealed: bool) -> None:
    """Refuse a file with a changed or a packed part, and one that names anything else than tensors."""
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        is_packed = any(part.compress_type != zipfile.ZIP_STORED for part in parts)
        if is_packed or not (is_sealed or archive.testzip() is None):
            raise MsemuError(f"{path} is damaged or packed; use another checkpoint of the run")
        for part in parts:
            if part.filename.endswith(".pkl"):
                for opcode, name, _ in pickletools.genops(archive.read(part)):
                    if opcode.name == "GLOBAL" and not _PLAIN.fullmatch(str(name)):
                        raise MsemuError(
                            f"{path} holds a {str(name).replace(' ', '.')}; a checkpoint of msemu holds tensors,"
                            " numbers and strings only"
                        )


def _too_large(path: Path, content: dict[str, Any]) -> list[str]:
    """Names of tensors that are larger than the file: views that repeat what it holds."""
    size = path.stat().st_size
    tensors = ((name, value) for name, value in _leaves(content) if isinstance(value, torch.Tensor))
    return [f"{name} is too large" for name, value in tensors if value.numel() * value.element_size() > size]


def _not_finite(content: dict[str, Any]) -> list[str]:
    """Say which values that were learned are not finite."""
    learned = {name: value for name, value in content.items() if name not in _UNBOUNDED}
    return [f"{name} is not finite" for name, value in _leaves(learned) if not _is_finite(value)]


def _is_finite(value: Any) -> bool:
    if isinstance(value, torch.Tensor):
        return not value.is_floating_point() or bool(value.isfinite().all())
    return value == value  # a number that somebody's agent keeps may be infinite


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Values that are neither mappings nor lists, with their dotted names."""
    if isinstance(value, (dict, list, tuple)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def _differences(found: Any, wanted: Any, name: str, optional: tuple[str, ...]) -> Iterator[str]:
    """Yield what of a value differs from one that is written now; the names of its entries begin with ``name``."""
    if not (isinstance(wanted, dict) and isinstance(found, dict)):
        if _kind(found, name) != _kind(wanted, name):
            yield f"{name} is {_kind(found, name)}, not {_kind(wanted, name)}"
        return
    if "param_groups" in wanted:
        yield from _optimizer_differences(found, wanted, name)
        return
    for key, value in wanted.items():
        place = f"{name}.{key}" if name else str(key)
        if key in found:
            yield from _differences(found[key], value, place, optional)
        elif key not in optional:
            yield f"{place} is missing"
    if name.endswith("state_dict"):
        yield from (f"{name}.{key} is unknown" for key in found if key not in wanted)


def _optimizer_differences(found: dict[str, Any], wanted: dict[str, Any], name: str) -> Iterator[str]:
    """Yield the same of an optimizer, which gets the state of a parameter with the first step."""
    groups, state = found.get("param_groups"), found.get("state")
    if not isinstance(groups, list) or [_group(each) for each in groups] != [
        _group(each) for each in wanted["param_groups"]
    ]:
        yield f"{name}.param_groups is missing or of other parameters"
    if not isinstance(state, dict):
        yield f"{name}.state is missing"
        return
    entries = {index: entry if isinstance(entry, dict) else {} for index, entry in state.items()}
    for key in sorted({key for entry in entries.values() for key in entry}):
        wrong = (
            index for index, entry in entries.items() if not isinstance(entry.get(key), (torch.Tensor, float, int))
        )
        yield from (f"{name}.state.{index}.{key} is missing or no number" for index in wrong)


def _group(group: Any) -> dict[str, Any]:
    """Return what every version of torch wants to know of parameters: kinds, and lengths of lists."""
    values = {key: group[key] for key in _GROUP if key in group} if isinstance(group, dict) else {}
    return {key: len(value) if isinstance(value, (list, tuple)) else _kind(value, key) for key, value in values.items()}


def _kind(value: Any, name: str) -> str:
    """Kind of a value; of a memory, which grows, without its length."""
    if isinstance(value, torch.Tensor):
        shape = list(value.shape[1:] if "replay" in name else value.shape)
        return f"{str(value.dtype).removeprefix('torch.')} {shape}"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "a number"
    return "a list" if isinstance(value, (list, tuple)) else f"a {type(value).__name__}"


def _listed(names: list[str]) -> str:
    rest = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + rest
