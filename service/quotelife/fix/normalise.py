"""Parses a received message as the reference engine does, and writes it as that engine's `toString` does.

So both acceptors give the handler the same text: 8, 9 and 35, the other header fields by tag, the body's fields by tag,
each group's entries behind its count, the trailer. Inside an entry the fields are in the dictionary's order. Numbers of
tags and the BodyLength lose leading zeros. A data field cannot contain SOH: no dictionary of the service has one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import itemgetter

from quotelife.fix import tags
from quotelife.fix.dictionary import HEADER_GROUPS, DataDictionary, Field, FieldProblem, GroupLayout, is_seq_num

ADMIN_TYPES = frozenset("0A12345")
_SOH = b"\x01"
_FIRST = [tags.BeginString, tags.BodyLength, tags.MsgType]
_MAX_TAG = 2**31 - 1
_MAX_TAG_DIGITS = 10
_NO_GROUPS: Mapping[int, GroupLayout] = {}
_by_tag = itemgetter(0)
_TRAILER_ORDER = {93: 0, 89: 1, tags.CheckSum: 3}


class InvalidMessage(ValueError):
    """The bytes are no message; the session ignores them."""


@dataclass(slots=True)
class Entries:
    """Fields sorted by tag, or as in a group, and the entries of each group among them by the tag of its count."""

    fields: list[Field] = field(default_factory=list)
    groups: dict[int, list["Entries"]] = field(default_factory=dict)

    def append_to(self, parts: list[bytes]) -> None:
        """Append each field as tag=value."""
        groups = self.groups
        for tag, value in self.fields:
            parts.append(b"%d=%b" % (tag, value))
            if groups and tag in groups:
                for entry in groups[tag]:
                    entry.append_to(parts)


@dataclass(slots=True)
class ReceivedMessage:
    """A framed message, split. `values` has the first value of each field of the header, `body_values` of the body."""

    msg_type: str
    header: Entries
    body: Entries
    trailer: Entries
    values: dict[int, bytes]
    body_values: dict[int, bytes]

    @property
    def is_admin(self) -> bool:
        """Whether it is a message of the session."""
        return self.msg_type in ADMIN_TYPES

    @property
    def seq_num(self) -> int | None:
        """MsgSeqNum; None if it is absent or no number."""
        value = self.values.get(tags.MsgSeqNum)
        return int(value) if value is not None and is_seq_num(value) else None

    def problem(self, session: DataDictionary, application: DataDictionary) -> FieldProblem | None:
        """The first reason to reject it by its dictionaries; that of a session message is the session's."""
        of_body = session if self.is_admin else application
        missing = of_body.missing(self.msg_type, self.values, self.body_values, dict(self.trailer.fields))
        if missing and not self.is_admin and tags.ApplVerID in session.values:
            version = self.values.get(tags.ApplVerID)  # another one has other messages
            missing = missing if version is None or version in session.values[tags.ApplVerID] else None
        return (
            missing
            or session.wrong(self.header.fields)
            or session.wrong(self.trailer.fields)
            or of_body.wrong(self.body.fields)
        )

    def text(self) -> str:
        """As the engine's `toString`; bytes that are not UTF-8 as surrogate escapes."""
        parts: list[bytes] = []
        self.header.append_to(parts)
        self.body.append_to(parts)
        self.trailer.append_to(parts)
        return (_SOH.join(parts) + _SOH).decode("utf-8", "surrogateescape")


def parse_message(message: bytes, session: DataDictionary, application: DataDictionary) -> ReceivedMessage:
    """Split a message that `framer.frame` has found. InvalidMessage if its fields are not readable."""
    fields = _split(message)
    if [tag for tag, _ in fields[:3]] != _FIRST:
        raise InvalidMessage("header fields out of order")
    msg_type = fields[2][1].decode("utf-8", "surrogateescape")
    of_body = session if msg_type in ADMIN_TYPES else application
    header, body, trailer = Entries(), Entries(), Entries()
    of_header, in_body = header.fields, body.fields
    is_header, is_trailer = session.header, session.trailer
    header_groups, body_groups = session.groups.get(HEADER_GROUPS, _NO_GROUPS), of_body.groups.get(msg_type, _NO_GROUPS)
    at, n = 3, len(fields)
    while at < n:
        each = fields[at]
        tag = each[0]
        at += 1
        if tag in is_header:
            of_header.append(each)
            if tag in header_groups:
                at = _add_group(fields, at, tag, header_groups[tag], header)
        elif tag in is_trailer:
            trailer.fields.append(each)
        else:
            in_body.append(each)
            if tag in body_groups:
                at = _add_group(fields, at, tag, body_groups[tag], body)
    in_body.sort(key=_by_tag)
    values = _sort_header(header, fields[:3])
    _sort_trailer(trailer, message, len(fields[1][1]) - len(header.fields[1][1]))
    return ReceivedMessage(msg_type, header, body, trailer, values, dict(reversed(in_body)))


def _split(message: bytes) -> list[Field]:
    fields = []
    for part in message[:-1].split(_SOH):
        name, equals, value = part.partition(b"=")
        if not equals:
            raise InvalidMessage("no equals sign in a field")
        if name.isdigit() and len(name) < _MAX_TAG_DIGITS:
            fields.append((int(name), value))
        else:
            fields.append((_unusual_tag(name), value))
    return fields


def _unusual_tag(name: bytes) -> int:
    """The engine reads an int of 32 bits: negative tags and leading zeros are numbers too."""
    digits = name.removeprefix(b"-")
    significant = digits.lstrip(b"0")
    if not digits.isdigit() or len(significant) > _MAX_TAG_DIGITS:
        raise InvalidMessage("a tag is no number")
    tag = int(significant or b"0")
    negative = digits != name
    if tag > _MAX_TAG + negative:
        raise InvalidMessage("a tag is no number")
    return -tag if negative else tag


def _add_group(fields: list[Field], at: int, count: int, layout: GroupLayout, part: Entries) -> int:
    """Add the entries of a group whose count is before `at`. Returns the position after the last.

    An entry begins with the group's first field, or with a field of the group that the entry before has."""
    entry: Entries | None = None
    present: set[int] = set()
    while at < len(fields):
        each = fields[at]
        tag = each[0]
        if tag not in layout.order:
            break
        if entry is None or tag == layout.first or tag in present:
            entry = Entries()
            part.groups.setdefault(count, []).append(entry)
            present = set()
        entry.fields.append(each)
        present.add(tag)
        at += 1
        if tag in layout.groups:
            at = _add_group(fields, at, tag, layout.groups[tag], entry)
    for added in part.groups.get(count, ()):
        added.fields.sort(key=lambda field: layout.order[field[0]])
    return at


def _sort_header(header: Entries, first: list[Field]) -> dict[int, bytes]:
    """Put the `first` three fields before the others, which are sorted by tag. Returns the first value of each."""
    rest = header.fields
    rest.sort(key=_by_tag)
    values = dict(reversed(rest))
    if tags.BeginString in values or tags.BodyLength in values:
        raise InvalidMessage("BeginString or BodyLength more than once")
    if tags.MsgType in values:
        rest.sort(key=lambda field: field[0] != tags.MsgType)
    begin, (_, length), msg_type = first
    header.fields = [begin, (tags.BodyLength, length.lstrip(b"0")), msg_type, *rest]
    values |= dict(first)
    return values


def _sort_trailer(trailer: Entries, message: bytes, zeros: int) -> None:
    """Sort the trailer; the CheckSum becomes that of the text, where the BodyLength has `zeros` less."""
    fields = trailer.fields
    if len(fields) > 1:
        fields.sort(key=lambda field: (_TRAILER_ORDER.get(field[0], 2), field[0]))
        if fields[-2][0] == tags.CheckSum:
            raise InvalidMessage("CheckSum more than once")
    total = int(message[-4:-1]) - ord("0") * zeros
    fields[-1] = tags.CheckSum, b"%03d" % (total & 255)
