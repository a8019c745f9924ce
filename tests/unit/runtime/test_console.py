"""Tables in a pipe are as wide as they need to be; a file that cannot be written is found before the work."""

from quotelife.runtime.console import file_problem, wide_console
from quotelife_bench.command import Output, run


def test_a_pipe_is_wide(capsys):
    wide_console().print("x" * 110)
    assert capsys.readouterr().out == "x" * 110 + "\n"


def test_a_file_that_cannot_be_written_is_found_early(tmp_path):
    assert file_problem(tmp_path / "x.json") is None and not (tmp_path / "x.json").exists()
    assert "is a folder" in file_problem(tmp_path)
    assert "does not exist" in file_problem(tmp_path / "nope" / "x.json")
    assert run([], Output(json=tmp_path / "nope" / "x.json")) == 2
