"""Tables in a pipe are as wide as they need to be."""

from service.console import wide_console


def test_a_pipe_is_wide(capsys):
    wide_console().print("x" * 110)
    assert capsys.readouterr().out == "x" * 110 + "\n"
