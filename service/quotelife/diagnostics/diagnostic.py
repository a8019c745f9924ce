"""The result of one check: a line of the table of `quotelife doctor`."""

from pathlib import Path
from typing import Literal, NamedTuple

Status = Literal["ok", "warn", "fail"]


class Setting(NamedTuple):
    """A value to write to one of the kernel's settings files."""

    path: Path
    value: str


class Diagnostic(NamedTuple):
    """What was checked, the result, details, advice, and the settings that follow the advice."""

    subject: str
    status: Status
    detail: str
    advice: str = ""
    settings: tuple[Setting, ...] = ()


def apply(diagnostic: Diagnostic) -> Diagnostic:
    """Write the settings of a diagnostic; they last until the next boot. The detail of the returned diagnostic names a
    setting that cannot be written."""
    if diagnostic.status == "ok" or not diagnostic.settings:
        return diagnostic
    for path, value in diagnostic.settings:
        try:
            path.write_text(value)
        except OSError as error:
            return diagnostic._replace(detail=f"{diagnostic.detail}; {path} cannot be set: {error.strerror}")
    return Diagnostic(diagnostic.subject, "ok", f"{diagnostic.detail}; set until the next boot", diagnostic.advice)
