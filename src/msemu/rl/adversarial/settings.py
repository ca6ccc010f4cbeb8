"""Numbers of an agent's YAML file, checked before they are used."""

import math
from typing import Any

from msemu.errors import MsemuError


def check_counts(where: str, **counts: Any) -> None:
    """Refuse anything but whole numbers of at least 1, or lists of them, by their names.

    Args:
        where: What the message calls the place of the values.
        counts: The values.

    Raises:
        MsemuError: One is something else.
    """
    for name, value in counts.items():
        values = value if isinstance(value, list) else [value]
        if not values or not all(type(item) is int and item >= 1 for item in values):
            raise MsemuError(f"{where}: {name} must be a whole number of at least 1, not {value!r}")


def check_factors(where: str, **factors: Any) -> None:
    """Refuse anything but finite numbers that are not negative, by their names.

    Args:
        where: What the message calls the place of the values.
        factors: The values.

    Raises:
        MsemuError: One is something else.
    """
    for name, value in factors.items():
        if type(value) not in (int, float) or not 0.0 <= value < math.inf:
            raise MsemuError(f"{where}: {name} must be a number that is not negative, not {value!r}")
