"""The console for tables, and a check that a file can be written."""

from pathlib import Path

from rich.console import Console

_WIDTH = 120  # if the output is not a terminal


def wide_console() -> Console:
    """The standard output, with wide tables if it is a file or a pipe."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH)


def file_problem(path: Path) -> str | None:
    """Why `path` cannot be written, checked before the work is done; None if it can."""
    folder = path.absolute().parent
    if path.is_dir():
        return "is a folder; allowed: a file"
    if not folder.is_dir():
        return f"the folder {folder} does not exist; allowed: a file in a folder that does"
    try:
        existed = path.exists()
        path.open("ab").close()
        if not existed:
            path.unlink()
    except OSError as error:
        return f"cannot be written ({error.strerror}); allowed: a file to write to"
    return None
