"""The operations guide: every alert has its section; the configuration keys and refusals that it names exist."""

import re
import tomllib

import msgspec
import yaml

from quotelife.config import Config, load
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


def test_log_messages_and_texts_that_are_quoted_exist():
    prose = re.sub(r"```.*?```|`[^`]*`", "", TEXT, flags=re.DOTALL)
    quoted = {" ".join(text.split()) for text in re.findall(r'"([a-z][a-z\s]+)"', prose)}
    source = "".join(file.read_text() for file in (ROOT / "service" / "quotelife").rglob("*.py"))
    assert len(quoted) >= 4
    assert {text for text in quoted if text not in source} == set()


def test_the_example_of_a_hedge_session_is_one(tmp_path):
    [example, _] = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    venue = '[[venue]]\nname = "V"\nport = 1\nsender_comp_id = "Q"\ntarget_comp_id = "V"\n'
    instrument = '[[instrument]]\nsymbol = "S"\ntick = "1"\nlot = "1"\nvenue = "V"\n'
    (tmp_path / "q.toml").write_text(venue + instrument + example)
    assert load(tmp_path / "q.toml").client[0].role == "hedge"


def test_the_example_of_a_secure_configuration_is_one():
    [_, example] = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    raw = tomllib.loads(example)
    raw["venue"][0] |= {"port": 1, "sender_comp_id": "Q", "target_comp_id": "V"}
    raw["instrument"] = [{"symbol": "S", "tick": "1", "lot": "1", "venue": raw["venue"][0]["name"]}]
    config = msgspec.convert(raw, Config)
    assert config.acceptor.tls and config.venue[0].tls and config.client[0].logon["FIRST"].certificate
