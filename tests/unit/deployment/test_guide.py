"""The operations guide: its links lead somewhere, its commands and files exist, and every alert has its section."""

import re
import shlex
from pathlib import Path

import yaml
from typer.testing import CliRunner

from quotelife.cli import app
from quotelife.config import Config
from quotelife.decision.refusal import REFUSALS
from quotelife.metrics import catalog

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "deploy" / "README.md"
TEXT = GUIDE.read_text()
ALERTS = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())["groups"]


def anchors() -> set[str]:
    headings = re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_internal_links_have_targets():
    assert set(re.findall(r"\]\(#([\w-]+)\)", TEXT)) <= anchors()


def test_every_alert_has_its_section_and_every_section_its_alert():
    rules = [rule for group in ALERTS for rule in group["rules"]]
    for rule in rules:
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert (ROOT / page).is_file() and anchor == rule["alert"].lower(), rule["alert"]
        assert anchor in anchors(), rule["alert"]
    part = TEXT[TEXT.index("\n## Alerts") : TEXT.index("\n## Upgrade")]
    assert re.findall(r"^### (\w+)$", part, re.MULTILINE) == [rule["alert"] for rule in rules]


def test_named_project_files_exist():
    named = set(re.findall(r"(?<![\w/.-])((?:deploy|fix_config|service|models)/[\w./-]*\w)", TEXT))
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []


def commands() -> list[list[str]]:
    """Every call of `quotelife` on the page, in blocks and in sentences."""
    code = re.findall(r"`(quotelife [^`]+)`", TEXT)
    blocks = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    code += re.findall(r"(?:^|bin/)(quotelife [^#\n]+)", "\n".join(blocks), re.MULTILINE)
    return [shlex.split(each)[1:] for each in code]


def test_documented_commands_and_options_exist():
    found = commands()
    assert {words[0] for words in found} >= {"doctor", "explain", "stop", "resume"}
    for words in found:
        shown = CliRunner().invoke(app, [words[0], "--help"])
        assert shown.exit_code == 0, words
        for option in (word for word in words if word.startswith("--")):
            assert re.search(rf"{option}\b", shown.stdout), f"{words[0]} has no {option}"


def test_metrics_that_are_named_exist():
    groups = (catalog.QUOTING, catalog.MARKETDATA, catalog.RECORDER, catalog.SUPERVISOR, catalog.TLS)
    known = {family.name for group in groups for family in group}
    assert set(re.findall(r"quotelife_\w+", TEXT)) <= known


def test_configuration_keys_that_are_named_exist():
    sections = Config.__annotations__
    for section, key in re.findall(r"`(\w+)\.(\w+)(?: = [^`]*)?`", TEXT):
        if section in sections and hasattr(sections[section], "__struct_fields__"):
            assert key in sections[section].__struct_fields__, f"{section}.{key}"


def test_refusals_and_states_that_are_named_exist():
    for name in ("stale_book", "no_book", "halted", "closed", "stopped_by_desk", "risk", "not_useful", "rate_limited"):
        assert name in REFUSALS, name
        assert f"`{name}`" in TEXT
