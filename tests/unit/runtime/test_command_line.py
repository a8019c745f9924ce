"""Options of the command line: several values after one name, and refusals on one line."""

from pathlib import Path
from typing import Annotated

import pytest
import typer

from quotelife.runtime.command_line import ListOptions, OneLineErrors, repeat_options

LISTS = {"--quotes", "--trades"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("--quotes a b c", "--quotes a --quotes b --quotes c"),
        ("--quotes a --quotes b", "--quotes a --quotes b"),
        ("--quotes=a b --out x", "--quotes=a --quotes b --out x"),
        ("--quotes a b --trades c d", "--quotes a --quotes b --trades c --trades d"),
        ("--out x y", "--out x y"),  # y is refused: no list option precedes it
        ("--quotes a -- b", "--quotes a -- b"),
        ("--quotes a - b", "--quotes a --quotes - --quotes b"),
        ("--quotes", "--quotes"),
    ],
)
def test_values_of_list_options(given: str, expected: str) -> None:
    assert repeat_options(given.split(), LISTS) == expected.split()


def program(seen: list[object]) -> typer.Typer:
    app = typer.Typer(cls=OneLineErrors, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

    @app.command(cls=ListOptions)
    def load(
        out: Annotated[Path, typer.Option(help="Folder of the result.")],
        files: Annotated[list[Path] | None, typer.Option(help="Files.")] = None,
        rows: Annotated[int, typer.Option(min=1)] = 1,
    ) -> None:
        seen.extend([out, files, rows])

    @app.command()
    def end(code: int) -> None:
        raise typer.Exit(code)

    @app.command()
    def abort() -> None:
        raise typer.Abort

    return app


def code_of(app: typer.Typer, arguments: str) -> object:
    with pytest.raises(SystemExit) as end:
        app(arguments.split())
    return end.value.code


def test_a_command_receives_every_value() -> None:
    seen: list[object] = []
    assert code_of(program(seen), "load --files a b --out o --files c --rows 2") == 0
    assert seen == [Path("o"), [Path("a"), Path("b"), Path("c")], 2]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("load", "load: --out is missing; required: folder of the result"),
        ("load --out", "load: option '--out' requires an argument"),
        ("load --out o --zzz", "load: no such option: --zzz; allowed: --out, --files, --rows"),
        ("load --out o p", "load: got unexpected extra argument(s) (p); allowed: --out, --files, --rows"),
        ("load --out o --rows 0", "load: invalid value for '--rows': "),
        ("xyz", "quotelife: no such command 'xyz'; allowed: load, end, abort"),
        ("end", "end: "),
    ],
)
def test_a_wrong_option_is_one_line(capsys: pytest.CaptureFixture[str], arguments: str, expected: str) -> None:
    assert code_of(program([]), arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(expected) and printed.err.count("\n") == 1


def test_exit_codes_are_those_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(program([]), "end 3") == 3
    assert code_of(program([]), "abort") == 1
    assert capsys.readouterr().err == "aborted\n"
    assert code_of(program([]), "--help") == 0
    assert "Usage:" in capsys.readouterr().out
    assert code_of(program([]), "") == 2
    assert "Usage:" in "".join(capsys.readouterr())
