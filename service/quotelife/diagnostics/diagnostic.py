"""What a look at one thing has found: a line of the doctor's table."""

from pathlib import Path
from typing import Literal, NamedTuple

Status = Literal["ok", "warn", "fail"]


class Setting(NamedTuple):
    """A value that a file of the kernel should have."""

    path: Path
    value: str


class Diagnostic(NamedTuple):
    """What was looked at, how it is, what was found, what to do about it, and what would do that at once."""

    subject: str
    status: Status
    detail: str
    advice: str = ""
    settings: tuple[Setting, ...] = ()


def apply(diagnostic: Diagnostic) -> Diagnostic:
    """Write a diagnostic's settings. They last until the machine starts again; what is not allowed is said."""
    if diagnostic.status == "ok" or not diagnostic.settings:
        return diagnostic
    for path, value in diagnostic.settings:
        try:
            path.write_text(value)
        except OSError as error:
            return diagnostic._replace(detail=f"{diagnostic.detail}; {path} cannot be set: {error.strerror}")
    return Diagnostic(
        diagnostic.subject, "ok", f"{diagnostic.detail}; set until the next start of the machine", diagnostic.advice
    )
