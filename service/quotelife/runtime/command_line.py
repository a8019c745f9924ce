"""How the command line reads options and refuses them: one line, exit code 2."""

import sys
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from quotelife.runtime.process import EXIT_CONFIG, EXIT_FAILED

# typer uses click, or a copy of it in later versions; the base class of BadParameter is the right UsageError in both
_UsageError: type[Any] = typer.BadParameter.__mro__[1]


class OneLineErrors(TyperGroup):
    """The commands of a program; a wrong option is one line `command: problem; allowed: ...` and exit code 2."""

    def main(self, *args: Any, **options: Any) -> Any:
        """As the base class, which prints a usage error on several lines."""
        if not options.get("standalone_mode", True):
            return super().main(*args, **options)
        try:
            code = super().main(*args, **options | {"standalone_mode": False})
        except _UsageError as error:
            if type(error).__name__ == "NoArgsIsHelpError":
                print(error.ctx.get_help())
            else:
                given = args[0] if args and args[0] is not None else sys.argv[1:]
                command = next((word for word in given if word in self.commands), "quotelife")
                print(usage_problem(error, command), file=sys.stderr)
            sys.exit(EXIT_CONFIG)
        except typer.Abort:
            print("aborted", file=sys.stderr)
            sys.exit(EXIT_FAILED)
        sys.exit(code if isinstance(code, int) else 0)


def usage_problem(error: Any, command: str) -> str:
    """One line about a usage error: the command (`command` where the error does not know it), the problem, and what is
    allowed where the error does not say it."""
    context = error.ctx
    param = getattr(error, "param", None)
    if type(error).__name__ == "MissingParameter" and param is not None:
        text = f"{_name(param)} is missing; required: {_uncapitalised(getattr(param, 'help', None) or 'a value')}"
    else:
        text = error.format_message()
        if context is not None and not param and "ossible option" not in text and "equires" not in text:
            text = f"{text.rstrip('.')}; allowed: {_allowed(context, hasattr(error, 'option_name'))}"
    return f"{_command(context) if context else command}: {_uncapitalised(' '.join(text.split()).rstrip('.'))}"


def _command(context: Any) -> str:
    """The name of the command without that of the program, which depends on how it was started."""
    names: list[str] = []
    while context is not None and context.parent is not None:
        names.insert(0, context.info_name)
        context = context.parent
    return " ".join(names) or "quotelife"


def _allowed(context: Any, options: bool) -> str:
    """The commands of a group unless `options` are wanted, or the options and arguments of a command."""
    command = context.command
    if isinstance(command, TyperGroup) and not options:
        return ", ".join(name for name in command.list_commands(context) if not command.commands[name].hidden)
    params = [p for p in command.params if not getattr(p, "hidden", False)]
    return ", ".join(_name(p) for p in params)


def _name(param: Any) -> str:
    """`--option`, or the argument as the help shows it."""
    return str(param.opts[0] if param.param_type_name == "option" else param.metavar or param.name.upper())


def _uncapitalised(text: str) -> str:
    return text[:1].lower() + text[1:]


class ListOptions(TyperCommand):
    """A command whose list options accept several values after one name, as a shell's glob writes them: `--quotes a b`
    is `--quotes a --quotes b`. It has no positional arguments."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        names = {name for p in self.params if getattr(p, "multiple", False) for name in p.opts}
        return super().parse_args(ctx, repeat_options(args, names))


def repeat_options(args: list[str], names: set[str]) -> list[str]:
    """The arguments with the option's name before each of its values."""
    found: list[str] = []
    current, filled = "", False  # the list option whose values are being read, and whether it has one
    for i, argument in enumerate(args):
        if argument == "--":
            return found + args[i:]
        if argument.startswith("-") and argument != "-":
            name, equals, _ = argument.partition("=")
            current, filled = (name if name in names else ""), bool(equals)
        elif current and filled:
            found.append(current)
        elif current:
            filled = True
        found.append(argument)
    return found
