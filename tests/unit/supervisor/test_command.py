"""`quotelife serve` that cannot serve: one line of the log."""

import logging

import pytest

from quotelife.config.shipped import DEMO
from quotelife.logs import LogEvent
from quotelife.supervisor import command
from tests.log_lines import parse

pytestmark = pytest.mark.usefixtures("log_restored")


@pytest.mark.parametrize(
    ("section", "requested", "log_format"),
    [
        ("", None, "text"),
        ("[log]\nformat = 'json'", None, "json"),
        ("[log]\nformat = 'xml'", None, "text"),
        ("[log\n", None, "text"),
        ("log = 3", None, "text"),
        ("[log]\nformat = 'json'", "text", "text"),
        ("", "json", "json"),
    ],
)
def test_a_wrong_file_is_one_line_in_the_requested_format(section, requested, log_format, tmp_path, capsys):
    file = tmp_path / "quotelife.toml"
    file.write_text(f"unknown = 1\n{section}\n")
    assert command.run(file, requested) == 2
    (record,) = parse(capsys.readouterr().err, log_format)
    assert (record["level"], record["process"], record["event"]) == ("ERROR", "supervisor", "configuration_invalid")
    assert str(file) in record["text"]


def test_a_missing_file_is_one_line(tmp_path, capsys):
    assert command.run(tmp_path / "none.toml", "json") == 2
    (record,) = parse(capsys.readouterr().err, "json")
    assert "none.toml" in record["text"]


def test_a_missing_package_is_one_line_with_the_extra(monkeypatch, capsys):
    def run(*_: object) -> int:
        raise ModuleNotFoundError(name="opentelemetry.sdk")

    monkeypatch.setattr(command, "_run", run)
    assert command.run(DEMO, "text") == 1
    (record,) = parse(capsys.readouterr().err, "text")
    assert record["event"] == str(LogEvent.PACKAGE_MISSING) and "[otel]" in record["text"]
    assert logging.root.handlers != []
