"""What a check of a body found."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One remark about a body.

    Attributes:
        severity: ``error``: the body is wrong there and results depend on it; ``warning``: questionable;
            ``note``: worth knowing.
        check: Name of the check, such as ``symmetry``.
        subject: Element of the model that it is about.
        message: One line that says what is wrong.
        value: The measured figure, in the unit that the message names.
    """

    severity: Severity
    check: str
    subject: str
    message: str
    value: float
