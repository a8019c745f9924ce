"""Every field that the standard allows in a client's message has a policy; each row does what it says."""

from xml.etree import ElementTree

import pytest

from quotelife.rfq.field_policies import table
from quotelife.rfq.field_policies.lookup import MESSAGES, POLICIES, ROWS, USUAL, missing_text, refusal_text
from quotelife.rfq.field_policies.names import NAMES, field_name
from quotelife.rfq.field_policies.policy import HEADER, Kind, Row
from tests.paths import ROOT

DICTIONARIES = {"FIX.4.2": ("FIX42.xml",), "FIX.4.4": ("FIX44.xml",), "FIXT.1.1": ("FIX50SP2.xml", "FIXT11.xml")}
REFUSED = Kind.REFUSED_UNLESS


class Dictionary:
    """A dictionary of the standard: names of the fields of its messages, components and groups unfolded."""

    def __init__(self, file: str) -> None:
        self._root = ElementTree.parse(ROOT / "tests" / "dictionaries" / file).getroot()
        self._numbers = {f.get("name"): int(f.get("number", "")) for f in self._root.findall("fields/field")}
        self._components = {c.get("name"): c for c in self._root.findall("components/component")}

    def fields(self, msg_type: str) -> dict[int, str]:
        """Names by tag; empty if the version does not have the message. HEADER: of header and trailer."""
        parts = ("header", "trailer") if msg_type == HEADER else (f"messages/message[@msgtype='{msg_type}']",)
        found: dict[int, str] = {}
        for part in parts:
            element = self._root.find(part)
            if element is not None:
                self._unfold(element, found)
        return found

    def _unfold(self, element: ElementTree.Element, found: dict[int, str]) -> None:
        for child in element:
            name = child.get("name", "")
            if child.tag == "component":
                self._unfold(self._components[name], found)
            else:
                found[self._numbers[name]] = name
                self._unfold(child, found)


@pytest.fixture(scope="module")
def standard() -> dict[str, list[Dictionary]]:
    return {begin: [Dictionary(file) for file in files] for begin, files in DICTIONARIES.items()}


@pytest.mark.parametrize("begin", DICTIONARIES)
@pytest.mark.parametrize("message", [*MESSAGES, HEADER])
def test_every_field_of_every_version_has_a_policy(standard, begin, message):
    for dictionary in standard[begin]:
        assert [name for tag, name in dictionary.fields(message).items() if tag not in POLICIES[message]] == []


def test_the_dictionaries_are_the_standards(standard):
    counts = {begin: len({t for d in each for m in MESSAGES for t in d.fields(m)}) for begin, each in standard.items()}
    assert counts == {"FIX.4.2": 125, "FIX.4.4": 480, "FIXT.1.1": 4944}


@pytest.mark.parametrize("begin", DICTIONARIES)
def test_a_refusal_names_a_field_as_its_version_does(standard, begin):
    for message in MESSAGES:
        for dictionary in standard[begin]:
            fields = dictionary.fields(message)
            assert {tag: field_name(tag, begin) for tag in fields} == fields


def test_every_name_is_one_of_the_standard(standard):
    fields = {tag for each in standard.values() for d in each for m in MESSAGES for tag in d.fields(m)}
    assert set(NAMES) == fields


def test_every_refused_field_has_a_name():
    refused = {tag for m in MESSAGES for tag, policy in POLICIES[m].items() if policy.kind is REFUSED}
    assert refused <= set(NAMES)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.kind.name}-{'-'.join(row.messages)}-{row.tags[:40]}")
def test_a_row_does_what_it_says(row: Row):
    """Any value of a field that is not refused passes; of one that is, only the allowed ones do."""
    for message in set(row.messages) - {HEADER}:
        for tag in map(str, row.numbers()):
            assert (tag in USUAL[message]) == (row.kind is not REFUSED)
            for begin in DICTIONARIES:
                for value in row.allowed:
                    assert refusal_text(message, {"8": begin, tag: value}) == ""
                text = refusal_text(message, {"8": begin, "55": "X", tag: "what?"})
                is_own = int(tag) >= 5_000 and begin != "FIXT.1.1"
                if row.kind is REFUSED and not is_own:
                    name = field_name(int(tag), begin)
                    assert text.startswith(f"{name} ({tag}) is 'what?'; allowed: ")
                    assert all(f"{value} ({meaning})" in text for value, meaning in row.allowed.items())
                else:
                    assert text == ""
    assert row.why and (row.kind is REFUSED or not row.allowed)


@pytest.mark.parametrize("tag", ["5000", "9999", "20001", "39999", "x", "²"])
def test_fields_of_the_clients_own_are_ignored(tag):
    for message in MESSAGES:
        for begin in DICTIONARIES:
            assert refusal_text(message, {"8": begin, tag: "1"}) == ""


def test_a_long_value_is_shortened_in_the_text():
    text = refusal_text("R", {"8": "FIX.4.4", "120": "9" * 500})
    assert text == f"SettlCurrency (120) is '{'9' * 63}…'; allowed: absent"


def test_each_occurrence_of_a_field_is_looked_at():
    fields = [("8", "FIX.4.4"), ("854", "1"), ("854", "0")]
    assert refusal_text("R", {"8": "FIX.4.4", "854": "0"}, fields) == "QtyType (854) is '1'; allowed: 0 (units)"
    assert refusal_text("R", {"8": "FIX.4.4", "854": "0"}, [fields[0], fields[2], fields[2]]) == ""


def test_a_list_of_values_is_refused_for_each_of_them():
    assert refusal_text("D", {"8": "FIX.4.4", "18": "1 G"}) == ""
    assert refusal_text("D", {"8": "FIX.4.4", "18": "G 6"}) != ""
    assert refusal_text("D", {"8": "FIX.4.4", "59": "0 3"}) != ""


@pytest.mark.parametrize("message", MESSAGES)
def test_each_required_field_is_missed_by_name(message):
    complete = {str(tag): "x" for tag in table.REQUIRED[message]}
    assert missing_text(message, complete) == ""
    for tag in table.REQUIRED[message]:
        for without in ({**complete, str(tag): ""}, {t: v for t, v in complete.items() if t != str(tag)}):
            assert missing_text(message, without) == f"{NAMES[tag]} ({tag}) is missing"
