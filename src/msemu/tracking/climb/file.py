"""The file that a search is kept in, which is left and gone on with."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from msemu.errors import MsemuError
from msemu.files import array_names, read_arrays, write_arrays

SEARCH_SUFFIX = ".search.npz"


def write_search(path: Path, identity: str, about: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write the ``arrays`` of a search with what it is ``about``; ``identity`` is that of its order."""
    texts = {"identity": identity, "about": json.dumps(about)}
    write_arrays(path, arrays | {name: np.array(text) for name, text in texts.items()})


def read_search(path: Path, identity: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return what `write_search` has written of an order with this ``identity``.

    Raises:
        MsemuError: There is no such file, it is damaged, or is of another search.
    """
    if not path.is_file():
        raise MsemuError(f"there is no search to go on with at {path}; leave --resume out to begin one")
    names = tuple(array_names(path))
    if "identity" not in names:
        raise MsemuError(f"{path} is no search of msemu-track; leave --resume out to begin a new one")
    arrays = read_arrays(path, names)
    _require_same(path, str(arrays.pop("identity")), identity)
    try:
        return dict(json.loads(str(arrays.pop("about")))), arrays
    except (KeyError, ValueError, TypeError) as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> MsemuError:
    """Return the error of a file whose content does not fit."""
    return MsemuError(f"{path} is damaged ({str(error)[:80]!r}); leave --resume out to begin a new search")


def _require_same(path: Path, found: str, identity: str) -> None:
    own = json.loads(identity)
    try:
        other = dict(json.loads(found))
    except (ValueError, TypeError):
        other = {}
    differ = [
        "poses of the clip" if name == "content" else f"{name} {other.get(name)!r}, not {own[name]!r}"
        for name in own
        if other.get(name) != own[name]
    ]
    if differ:
        raise MsemuError(f"{path} is of another search: {'; '.join(differ)[:300]}; give its options again")
