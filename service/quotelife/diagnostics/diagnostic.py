"""What a look at one thing has found: a line of the doctor's table."""

from pathlib import Path
from typing import Literal, NamedTuple

Verdict = Literal["ok", "warn", "fail"]


class Setting(NamedTuple):
    """A value that a file of the kernel should have."""

    path: Path
    value: str


class Finding(NamedTuple):
    """What was looked at, how it is, what was found, what to do about it, and what would do that at once."""

    subject: str
    verdict: Verdict
    found: str
    advice: str = ""
    settings: tuple[Setting, ...] = ()


def apply(finding: Finding) -> Finding:
    """Write a finding's settings. They last until the machine starts again; what is not allowed is said."""
    if finding.verdict == "ok" or not finding.settings:
        return finding
    for path, value in finding.settings:
        try:
            path.write_text(value)
        except OSError as error:
            return finding._replace(found=f"{finding.found}; {path} cannot be set: {error.strerror}")
    return Finding(finding.subject, "ok", f"{finding.found}; set until the next start of the machine", finding.advice)
