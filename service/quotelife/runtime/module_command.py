"""The command line of a child process that runs a module of this installation."""

import sys


def module_command(module: str, *arguments: str) -> list[str]:
    """Command that runs a module in this interpreter. With -P the current folder is not searched for modules, so that
    nothing in it hides an installed package."""
    return [sys.executable, "-P", "-m", module, *arguments]
