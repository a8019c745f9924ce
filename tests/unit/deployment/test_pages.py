"""Markdown pages and configuration files: the links, paths, modules, commands, options and metrics they name exist."""

import re
import shlex
from importlib.util import find_spec

import pytest
from typer.main import get_command

from quotelife.admin.collectors import CLIENT_POSITION_METRICS, POSITION_METRICS
from quotelife.cli import app
from quotelife.metrics import catalog
from quotelife.metrics.labels import SUPERVISED
from tests.paths import ROOT

FOLDERS = ("service", "models", "fix_config", "tests", "deploy", ".github")
HISTORY = "deploy/CHANGELOG.md"  # names what there was
FILES = [p.relative_to(ROOT).as_posix() for folder in FOLDERS for p in (ROOT / folder).rglob("*")]
PAGES = sorted({"README.md", *(name for name in FILES if name.endswith(".md"))} - {HISTORY})
CONFIGURATION = sorted(
    name for name in ("Dockerfile", *FILES) if re.search(r"(^Dockerfile|\.(xml|cfg|toml|ya?ml|service|sh))$", name)
)
PACKAGES = ("quotelife", "quotelife_models", "quotelife_research", "quotelife_sim", "quotelife_bench")
SUFFIXES = "py|md|toml|xml|cfg|json|yml|yaml|sh|service|cpp"
# written by commands or by the operator, not shipped
WRITTEN = (
    "report.json",
    "instruments.json",
    "bench.json",
    "day1.parquet",
    "quotelife.toml",
    "desk.toml",
    "my-venue.toml",
)  # not shipped

KEYS = {"test_request"}  # of a venue's profile


@pytest.fixture(params=PAGES)
def page(request) -> str:
    return request.param


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_links_have_targets(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if not target.startswith("http"):
            path, _, anchor = target.partition("#")
            file = ((ROOT / page).parent / path) if path else ROOT / page
            assert file.exists(), target
            assert not anchor or anchor in anchors(file.read_text(encoding="utf-8")), target


def paths(text: str) -> set[str]:
    return set(re.findall(rf"(?<![\w/.-])((?:{'|'.join(map(re.escape, FOLDERS))})/[\w./-]*\w)", text))


@pytest.mark.parametrize("file", [*PAGES, *CONFIGURATION])
def test_named_paths_exist(file):
    assert [name for name in paths(text_of(file)) if not (ROOT / name).exists()] == []


def test_named_files_exist(page):
    """A file name in code type is the end of the path of a file in the repository."""
    named = set(re.findall(rf"`([\w./-]+\.(?:{SUFFIXES}))`", text_of(page)))
    ends = [f"/{name}" for name in (*FILES, "pyproject.toml", "README.md")]
    own = {name for name in named if not name.startswith(("/", ".."))}
    assert {name for name in own if not any(end.endswith(f"/{name}") for end in ends)} <= set(WRITTEN)


def test_paths_and_commands_are_found():
    guide = text_of("deploy/README.md")
    assert len(paths(guide)) > 10
    assert {words[0] for words in commands(guide)} >= {"doctor", "explain", "stop", "resume"}


def test_named_tests_exist(page):
    named = set(re.findall(r"`(?:[\w/.]+::)?(test_\w+)`", text_of(page)))
    tests = "".join(
        (ROOT / name).read_text(encoding="utf-8") for name in FILES if re.search(r"tests/.*test_\w+\.py$", name)
    )
    assert named - KEYS <= set(re.findall(r"^(?:async )?def (test_\w+)", tests, re.MULTILINE))


def test_named_modules_exist(page):
    for name in set(re.findall(rf"\b(?:{'|'.join(PACKAGES)})(?:\.[a-z_]\w*)+", text_of(page))):
        parent, _, last = name.rpartition(".")
        if last not in ("toml", "service", "sqlite", "log"):
            assert find_spec(name) or hasattr(__import__(parent, fromlist=[last]), last), name


def commands(text: str) -> list[list[str]]:
    """Every call of `quotelife` on a page, in blocks and in sentences."""
    code = re.findall(r"`(quotelife [^`]+)`", text)
    blocks = re.findall(r"```(?:sh)?\n(.*?)```", text, re.DOTALL)
    code += re.findall(r"(?:^|bin/)(quotelife [^#\n]+)", "\n".join(blocks), re.MULTILINE)
    return [shlex.split(each)[1:] for each in code]


def test_documented_commands_and_options_exist(page):
    for words in commands(text_of(page)):
        command = get_command(app)
        while words and hasattr(command, "commands") and not words[0].startswith("-"):
            assert words[0] in command.commands, words
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        assert {word for word in words if word.startswith("--")} <= options, command.name


def test_named_metrics_exist(page):
    processes = catalog.supervisor(SUPERVISED)
    groups = (catalog.QUOTING, catalog.MARKETDATA, catalog.RECORDER, processes, catalog.TLS, catalog.API)
    known = {family.name for group in groups for family in group} | {*POSITION_METRICS, *CLIENT_POSITION_METRICS}
    prefixes = tuple(set(re.findall(r"(quotelife_\w+_)\*", text_of(page))))
    named = set(re.findall(r"\bquotelife_\w*[a-z]\b(?![/*.])", text_of(page))) - set(PACKAGES)
    assert named <= known
    assert all(any(name.startswith(prefix) for name in known) for prefix in prefixes)
