"""The rules of engagement and the dictionaries say the same, and every example is a message of its version."""

import re
from xml.etree import ElementTree

import pytest
import quickfix as fix

from quotelife.config.shipped import FIX_CONFIG
from quotelife.fix.versions import VERSIONS
from quotelife.rfq.messages import has_group

FOLDER = FIX_CONFIG
README = (FOLDER / "README.md").read_text(encoding="utf-8")
COLUMNS = {"4.2": "FIX42.xml", "4.4": "FIX44.xml", "5.0SP2": "FIX50SP2.xml"}
SESSION = {"5.0SP2": "FIXT11.xml"}  # where the messages of the session are
OF_VENUES = frozenset("VWXYBfh")
OF_SESSION = frozenset("012345A")
Fields = list[tuple[int, int, str, bool]]  # depth, tag, name, required


def dictionary(file: str) -> ElementTree.Element:
    return ElementTree.parse(FOLDER / file).getroot()


def in_dictionary(file: str, msg_type: str) -> Fields:
    """The fields of a message, groups unfolded; empty if the version does not have it."""
    root = dictionary(file)
    numbers = {f.get("name"): int(f.get("number", "0")) for f in root.findall("fields/field")}

    def fields(element: ElementTree.Element, depth: int) -> Fields:
        found: Fields = []
        for child in element:
            name = child.get("name", "")
            found.append((depth, numbers[name], name, child.get("required") == "Y"))
            found += fields(child, depth + 1)
        return found

    message = root.find(f"messages/message[@msgtype='{msg_type}']")
    return [] if message is None else fields(message, 0)


def tables() -> dict[str, tuple[str, list[list[str]]]]:
    """Name and rows of the table under each heading `### Name `type``."""
    found: dict[str, tuple[str, list[list[str]]]] = {}
    parts = re.split(r"^### (\w+) `(\w+)`$", README, flags=re.MULTILINE)[1:]
    for name, msg_type, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
        found[msg_type] = name, rows[1:]
    return found


TABLES = tables()


def in_readme(msg_type: str, column: str) -> Fields:
    found: Fields = []
    position = 2 + list(COLUMNS).index(column)
    for row in TABLES[msg_type][1]:
        needed = row[position]
        if needed == "–":
            continue
        assert needed in ("required", "optional"), row
        name, _, old = row[1].partition(" (4.2: ")
        tag = row[0].split()[-1]
        found.append(
            (row[0].count("›"), int(tag), old.rstrip(")") if old and column == "4.2" else name, needed == "required")
        )
    return found


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("msg_type", TABLES)
def test_the_tables_are_the_dictionaries(msg_type, column):
    file = SESSION.get(column, COLUMNS[column]) if msg_type == "A" else COLUMNS[column]
    assert sorted(in_readme(msg_type, column)) == sorted(in_dictionary(file, msg_type))


@pytest.mark.parametrize("column", COLUMNS)
def test_every_message_to_and_from_clients_has_a_table(column):
    messages = {m.get("msgtype"): m.get("name") for m in dictionary(COLUMNS[column]).findall("messages/message")}
    ours = {kind: name for kind, name in messages.items() if kind not in OF_VENUES | OF_SESSION}
    assert {kind: TABLES[kind][0] for kind in ours} == ours


def test_fields_mean_the_same_in_all_dictionaries():
    values: dict[str, dict[str, str]] = {}
    for file in COLUMNS.values():
        for field in dictionary(file).findall("fields/field"):
            known = values.setdefault(field.get("number", ""), {})
            for value in field:
                enum, description = value.get("enum", ""), value.get("description", "")
                if (field.get("number"), enum) != ("150", "2"):  # FILL, which 4.4 calls TRADE
                    assert known.setdefault(enum, description) == description, field.get("name")


def examples() -> list[str]:
    blocks = re.findall(r"^```fix\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


class Checker:
    """The engine's own dictionaries, strict."""

    def __init__(self) -> None:
        self.of = {
            v.begin_string: [fix.DataDictionary(str(FOLDER / f)) for f in (v.transport, v.dictionary) if f]
            for v in VERSIONS.values()
        }

    def check(self, text: str) -> fix.Message:
        """The message; raises what the engine has against it."""
        begin = text[2 : text.index("\x01")]
        dictionaries = self.of[begin]
        message = fix.Message(text, *dictionaries, True) if has_group(text) else fix.Message(text, True)
        if len(dictionaries) == 1 or message.getHeader().getField(35) in OF_SESSION:
            dictionaries[0].validate(message)
        else:
            fix.DataDictionary.validate(message, *dictionaries)
        return message


@pytest.fixture(scope="module")
def checker() -> Checker:
    return Checker()


@pytest.mark.parametrize("example", examples())
def test_an_example_is_a_message_of_its_version(checker, example):
    assert "\x01" not in example and example.endswith("|")
    message = checker.check(example.replace("|", "\x01"))
    fields = [field.split("=", 1) for field in message.toString().split("\x01")[:-1]]
    assert sorted(f"{tag}={value}" for tag, value in fields) == sorted(example[:-1].split("|"))


def test_the_checker_finds_what_is_wrong(checker):
    good = next(line for line in examples() if "|35=S|" in line).replace("|", "\x01")
    with pytest.raises(fix.InvalidMessage):
        checker.check(good.replace("\x0134=2\x01", "\x0134=3\x01"))


def test_there_are_examples_of_every_kind_in_every_version():
    kinds = {(line[2 : line.index("|")], re.search(r"\|35=(\w+)\|", line)[1]) for line in examples()}
    assert {kind for begin, kind in kinds if begin == "FIX.4.4"} == {"A", "R", "S", "AG", "AJ", "D", "8", "AI", "Z"}
    assert {"R", "S", "D", "8", "a", "b"} <= {kind for begin, kind in kinds if begin == "FIX.4.2"}
    assert {"A", "AG", "AI", "Z", "a"} <= {kind for begin, kind in kinds if begin == "FIXT.1.1"}
