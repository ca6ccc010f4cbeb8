"""What checks of bodies, muscles and clips find."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]

COLORS: dict[Severity, str] = {"error": "#d03030", "warning": "#b07800", "note": "#808080"}
"""Color of each severity in tables and pages, the worst first."""


@dataclass(frozen=True)
class Finding:
    """One remark.

    Attributes:
        severity: ``error``: it is wrong there and results depend on it; ``warning``: questionable; ``note``: worth
            knowing.
        check: Name of the check, such as ``symmetry``.
        subject: What it is about: an element of the model, a muscle, a joint, a contact region or a phase of a clip.
        message: One line that says what is wrong.
        value: The measured figure, in the unit that the message names.
        frame: Frame of a clip at which the figure was measured.
        time_s: Instant of that frame [s].
    """

    severity: Severity
    check: str
    subject: str
    message: str
    value: float
    frame: int | None = None
    time_s: float | None = None

    def facts(self) -> dict[str, Any]:
        """Return the fields that are set, for a JSON file."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def cells(self) -> tuple[str, ...]:
        """Return what stands in a row of a table after the severity; a finding about a clip also says when."""
        when = () if self.frame is None else (str(self.frame), f"{self.time_s:.2f} s")
        return self.check, self.subject, *when, self.message


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Sort by severity, then by check."""
    return sorted(findings, key=lambda finding: (list(COLORS).index(finding.severity), finding.check))


def count(findings: Iterable[Finding]) -> dict[str, int]:
    """Return how many findings of each severity there are."""
    severities = [finding.severity for finding in findings]
    return {severity: severities.count(severity) for severity in COLORS}


def summary(findings: Iterable[Finding]) -> str:
    """Say how many findings of each severity there are."""
    return ", ".join(f"{number} {severity}{'s' * (number != 1)}" for severity, number in count(findings).items())
