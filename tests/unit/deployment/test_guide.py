"""The operations guide: every alert has its section; the configuration keys and refusals that it names exist."""

import re

import yaml

from quotelife.config import Config
from quotelife.decision.refusal import REFUSALS
from tests.paths import ROOT

GUIDE = ROOT / "deploy" / "README.md"
TEXT = GUIDE.read_text()
ALERTS = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())["groups"]


def anchors() -> set[str]:
    headings = re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_every_alert_has_its_section_and_every_section_its_alert():
    rules = [rule for group in ALERTS for rule in group["rules"]]
    for rule in rules:
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert (ROOT / page).is_file() and anchor == rule["alert"].lower(), rule["alert"]
        assert anchor in anchors(), rule["alert"]
    part = TEXT[TEXT.index("\n## Alerts") : TEXT.index("\n## Upgrade")]
    assert re.findall(r"^### (\w+)$", part, re.MULTILINE) == [rule["alert"] for rule in rules]


def test_configuration_keys_that_are_named_exist():
    sections = Config.__annotations__
    for section, key in re.findall(r"`(\w+)\.(\w+)(?: = [^`]*)?`", TEXT):
        if section in sections and hasattr(sections[section], "__struct_fields__"):
            assert key in sections[section].__struct_fields__, f"{section}.{key}"


def test_refusals_and_states_that_are_named_exist():
    for name in ("stale_book", "no_book", "halted", "closed", "stopped_by_desk", "risk", "not_useful", "rate_limited"):
        assert name in REFUSALS, name
        assert f"`{name}`" in TEXT
