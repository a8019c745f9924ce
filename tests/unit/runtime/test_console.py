"""Output: wide tables in pipes, files that cannot be written."""

from quotelife.runtime.console import file_problem, wide_console
from quotelife_bench.command import Output, run


def test_output_to_a_pipe_is_wide(capsys):
    wide_console().print("x" * 110)
    assert capsys.readouterr().out == "x" * 110 + "\n"


def test_unwritable_file_is_reported(tmp_path):
    assert file_problem(tmp_path / "x.json") is None and not (tmp_path / "x.json").exists()
    assert "is a folder" in file_problem(tmp_path)
    assert "does not exist" in file_problem(tmp_path / "nope" / "x.json")
    assert run([], Output(json=tmp_path / "nope" / "x.json")) == 2
