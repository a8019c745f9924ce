"""Where tables are printed."""

from rich.console import Console

_WIDTH = 120  # of an output that is no terminal


def wide_console() -> Console:
    """The standard output; into a file or pipe, tables are not squeezed to a terminal's 80 columns."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH)
