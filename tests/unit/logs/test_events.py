"""Every line of the log names a declared event, each declared event is used, and deploy/LOGS.md lists them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from quotelife.logs import LogEvent
from tests.paths import ROOT

PAGE = ROOT / "deploy" / "LOGS.md"
CALLS = {"info", "warning", "error", "exception", "log", "debug", "critical"}
LOGGERS = {"logger", "output", "log", "self._log", "self._limited_log", "self._logger"}
OWN = ROOT / "service" / "quotelife" / "logs"
WITH_LOGGING = {"server.py": "the logger of aiohttp that is silent", "probe.py": "logging.disable"}


def sources() -> list[Path]:
    return sorted((ROOT / "service").rglob("*.py"))


def calls(path: Path) -> Iterator[ast.Call]:
    """Calls of a logger's methods."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS):
            continue
        if ast.unparse(node.func.value) in LOGGERS:
            yield node


def test_every_call_of_a_logger_names_its_event():
    unnamed = [
        f"{path.relative_to(ROOT)}:{call.lineno}: {ast.unparse(call)[:80]}"
        for path in sources()
        if OWN not in path.parents
        for call in calls(path)
        if not re.match(r"LogEvent\.[A-Z_]+$|event$", ast.unparse(call.args[call.func.attr == "log"]))
    ]
    assert unnamed == []


def test_no_module_logs_past_the_declared_events():
    users = [path for path in sources() if "getLogger" in path.read_text() or "logging.disable" in path.read_text()]
    assert [path.name for path in users if OWN not in path.parents and path.name not in WITH_LOGGING] == []


def test_each_declared_event_is_used():
    text = "\n".join(path.read_text() for path in sources() if path.name != "events.py")
    assert [event.name for event in LogEvent if not re.search(rf"LogEvent\.{event.name}\b", text)] == []


def test_the_page_lists_the_events_as_declared():
    table = "\n".join(f"| `{event}` | {event.process} | {event.meaning} |" for event in LogEvent)
    assert table in PAGE.read_text()
