"""The page of all policies, and the tables of the rules of engagement, say what the tables in code say."""

import re

import pytest

from quotelife.config.shipped import FIX_CONFIG
from quotelife.rfq.field_policies.lookup import MESSAGES, POLICIES
from quotelife.rfq.field_policies.page import PAGE, render
from quotelife.rfq.field_policies.policy import HEDGES, Kind, Policy

RULES = (FIX_CONFIG / "README.md").read_text(encoding="utf-8")


def test_the_page_is_that_of_the_tables():
    """After a change of the tables: `python -m quotelife.rfq.field_policies.page`."""
    assert PAGE.read_text(encoding="utf-8") == render()


def described(message: str) -> list[tuple[int, str, str]]:
    """(tag, name, description) of the rows of the message's table in the rules of engagement."""
    part = re.search(rf"^### \w+ `{message}`\n(.*?)(?=^### |\Z)", RULES, re.MULTILINE | re.DOTALL)
    assert part is not None
    rows = re.findall(r"^\|[› ]*(\d+) \| (\w+).*\| ([^|]*) \|$", part[1], re.MULTILINE)
    return [(int(tag), name, text) for tag, name, text in rows]


def is_described(text: str, policy: Policy) -> bool:
    if policy.kind is Kind.IGNORED:
        return "ignored" in text
    if policy.kind is Kind.REFUSED_UNLESS:
        values = set(re.findall(r"`([^`]*)`", text))
        return "refused" in text and set(policy.allowed) <= values
    return "ignored" not in text and "not read" not in text


@pytest.mark.parametrize("message", sorted(set(MESSAGES) - set(HEDGES)))
def test_the_rules_describe_each_field_by_its_policy(message):
    rows = described(message)
    assert len(rows) >= 5
    policies = POLICIES[message]
    wrong = [row for row in rows if row[0] < 5_000 and not is_described(row[2], policies[row[0]])]
    assert wrong == []
