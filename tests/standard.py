"""Checks messages against a data dictionary, independently of the engine and of the service.

    STANDARD["FIX.4.4"].violations(text)    # [] if the message is valid

`STANDARD` holds the dictionaries of the standard (`tests/dictionaries`), `EXTENDED` those of `fix_config`. A message is
valid if every field is one of its message, once, with a value of the field's type and among its enumerations; if every
required field is there; and if each entry of a repeating group begins with its first field and follows its order.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from quotelife.config.shipped import FIX_CONFIG
from quotelife.fix.versions import VERSIONS
from tests.paths import ROOT

_NUMBER = r"-?(\d+\.?\d*|\.\d+)"
_TIME = r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.(\d{3}|\d{6}|\d{9}))?"
_DAY = r"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
_TYPES = {
    **dict.fromkeys(("INT", "DAYOFMONTH"), r"-?\d+"),
    **dict.fromkeys(("LENGTH", "SEQNUM", "NUMINGROUP"), r"\d+"),
    **dict.fromkeys(("FLOAT", "QTY", "PRICE", "PRICEOFFSET", "AMT", "PERCENTAGE"), _NUMBER),
    "CHAR": r"[^\x01]",
    "BOOLEAN": r"[YN]",
    "UTCTIMESTAMP": f"{_DAY}-{_TIME}",
    **dict.fromkeys(("LOCALMKTDATE", "UTCDATEONLY", "UTCDATE", "DATE"), _DAY),
    "MONTHYEAR": r"\d{6}(\d\d|w[1-5])?",
    "CURRENCY": r"[A-Z]{3}",
}
_SEVERAL = ("MULTIPLEVALUESTRING", "MULTIPLECHARVALUE", "MULTIPLESTRINGVALUE")


class Part(NamedTuple):
    """A field or group of a message or of a group: its place in the dictionary, and the parts of a group."""

    place: int
    required: bool
    group: "Mapping[str, Part] | None"


class Field(NamedTuple):
    name: str
    type: str
    values: frozenset[str]


class Dictionary:
    """One version's dictionary; `transport` where the session has one of its own."""

    def __init__(self, application: Path, transport: Path | None) -> None:
        self._roots = [ElementTree.parse(path).getroot() for path in (application, transport) if path is not None]
        self.fields: dict[str, Field] = {}
        self._numbers: dict[str, str] = {}
        for element in (f for root in self._roots for f in root.iterfind("fields/field")):
            values = frozenset(v.get("enum", "") for v in element)
            number, name = element.get("number", ""), element.get("name", "")
            self.fields.setdefault(number, Field(name, element.get("type", "").upper(), values))
            self._numbers[name] = number
        self._components = {c.get("name"): c for root in self._roots for c in root.iterfind("components/component")}
        session = self._roots[-1]
        self._around = {
            **self._parts(session.find("header")),
            **self._parts(session.find("trailer")),
        }
        self._messages: dict[str, Mapping[str, Part] | None] = {}

    def message(self, msg_type: str) -> Mapping[str, Part] | None:
        """The fields and groups of a message by tag; None if the version does not have it."""
        if msg_type not in self._messages:
            found = (root.find(f"messages/message[@msgtype='{msg_type}']") for root in self._roots)
            message = next((m for m in found if m is not None), None)
            self._messages[msg_type] = None if message is None else self._parts(message)
        return self._messages[msg_type]

    def violations(self, text: str) -> list[str]:
        """What is wrong with a message; header fields that the engine writes may be missing."""
        fields = [field.split("=", 1) for field in text.split("\x01")[:-1]]
        tags = [tag for tag, _ in fields]
        if tags[:3] != ["8", "9", "35"] or tags[-1] != "10":
            return [f"header or trailer: {tags[:3]}, {tags[-1]}"]
        msg_type = fields[2][1]
        message = self.message(msg_type)
        if message is None:
            return [f"no message {msg_type}"]
        body = [(tag, value) for tag, value in fields if tag not in self._around]
        found = [*(problem for tag, value in fields for problem in self._value(tag, value))]
        end = self._level(body, 0, message, found, in_group=False)
        found += [f"{tag} is no field of {msg_type}" for tag, _ in body[end:]]
        return found

    def _level(
        self, body: list[tuple[str, str]], start: int, parts: Mapping[str, Part], found: list[str], in_group: bool
    ) -> int:
        """Read one level from `start`: a whole message, or one entry of a group. Returns where it ends."""
        seen: set[str] = set()
        place, at = -1, start
        while at < len(body):
            tag, value = body[at]
            part = parts.get(tag)
            if part is None:
                if in_group:
                    break
                found.append(f"{tag} is no field of the message")
                at += 1
                continue
            if tag in seen:
                if in_group:
                    break
                found.append(f"{tag} occurs twice")
            if in_group and part.place < place:
                found.append(f"{tag} is out of order in its group")
            seen.add(tag)
            place, at = part.place, at + 1
            if part.group is not None:
                at = self._entries(body, at, tag, value, part.group, found)
        found += [f"{tag} is missing" for tag, part in parts.items() if part.required and tag not in seen]
        return at

    def _entries(
        self, body: list[tuple[str, str]], at: int, tag: str, count: str, parts: Mapping[str, Part], found: list[str]
    ) -> int:
        first, entries = next(iter(parts)), 0
        while at < len(body) and body[at][0] == first:
            at = self._level(body, at, parts, found, in_group=True)
            entries += 1
        if count != str(entries) or not entries:
            found.append(f"{tag} is {count}, but {entries} entries begin with {first}")
        return at

    def _value(self, tag: str, value: str) -> Iterator[str]:
        field = self.fields.get(tag)
        if field is None:
            yield f"{tag} is no field"
            return
        if not value:
            yield f"{tag} is empty"
        pattern = _TYPES.get(field.type)
        if pattern is not None and not re.fullmatch(pattern, value, re.ASCII):
            yield f"{tag} is '{value}', which is no {field.type}"
        values = value.split() if field.type in _SEVERAL else [value]
        if field.values and not field.values.issuperset(values):
            yield f"{tag} is '{value}', which is not enumerated"

    def _parts(self, element: ElementTree.Element | None) -> dict[str, Part]:
        """The parts of a message, group, header or trailer, with components unfolded."""
        parts: dict[str, Part] = {}
        for child, needed in self._unfolded(element, True):
            group = self._parts(child) if child.tag == "group" else None
            parts.setdefault(self._numbers[child.get("name", "")], Part(len(parts), needed, group))
        return parts

    def _unfolded(
        self, element: ElementTree.Element | None, needed: bool
    ) -> Iterator[tuple[ElementTree.Element, bool]]:
        assert element is not None
        for child in element:
            required = needed and child.get("required") == "Y"
            if child.tag == "component":
                yield from self._unfolded(self._components[child.get("name")], required)
            else:
                yield child, required


class _Folder:
    """The dictionaries of one folder by version name, each read when first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, Dictionary] = {}

    def __getitem__(self, version: str) -> Dictionary:
        if version not in self._read:
            files = VERSIONS[version]
            transport = self._folder / files.transport if files.transport else None
            self._read[version] = Dictionary(self._folder / files.dictionary, transport)
        return self._read[version]


STANDARD = _Folder(ROOT / "tests" / "dictionaries")
EXTENDED = _Folder(FIX_CONFIG)


def check_sent(text: str) -> None:
    """AssertionError unless a text of the handler is valid in every version: under the standard's dictionary, and for
    a client with extensions under that of `fix_config`."""
    check_standard(text)
    for name, version in VERSIONS.items():
        sent = text if version.to_extended is None else version.to_extended(text)
        _check(name, sent, EXTENDED)


def check_standard(text: str, versions: Iterable[str] = VERSIONS) -> None:
    """AssertionError unless a text of the handler is valid in these versions under the standard's dictionary."""
    for name in versions:
        _check(name, VERSIONS[name].to_standard(text), STANDARD)


def _check(version: str, sent: str, folder: _Folder) -> None:
    found = folder[version].violations(sent)
    kind = "with extensions" if folder is EXTENDED else "standard"
    assert not found, f"{version}, {kind}: {found}: {sent}".replace("\x01", "|")
