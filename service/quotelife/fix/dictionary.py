"""A data dictionary: what a session checks of a message that it receives, before anybody reads it.

The rules are those of the reference engine with the settings of `fix_config/acceptor.cfg`: MsgType is known, required
fields are there, no field is there twice outside groups, and the fields that have a type or an enumeration in the
dictionary have such values. The dictionaries are relaxed before (`quotelife.acceptor`): application fields have none,
since the service itself tells a client what is wrong with them.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from quotelife.fix import tags

HEADER_GROUPS = "_header_"  # in place of a MsgType
_INT_MAX, _UINT64_MAX = 2**31 - 1, 2**64 - 1
_MAX_DIGITS = 40  # leading zeros among them, of which the engine takes any number
_TIMESTAMP = re.compile(
    rb"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])-([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d{0,9})?", re.ASCII
)
_HEADER = (
    *(8, 9, 35, 49, 56, 115, 128, 90, 34, 50, 142, 57, 143, 116, 144, 129, 145, 43, 97, 52, 122, 212, 213, 347, 369),
    *(370, 1128, 1129, 627),
)  # in every version
_TRAILER = (93, 89, 10)
_NEEDED = {  # fields of session messages
    tags.TEST_REQUEST: (tags.TestReqID,),
    tags.RESEND_REQUEST: (tags.BeginSeqNo, tags.EndSeqNo),
    tags.SEQUENCE_RESET: (tags.NewSeqNo,),
    tags.LOGON: (tags.HeartBtInt,),
}
Field = tuple[int, bytes]

_PARTS = ("header", "trailer", "messages", "fields")


class FieldProblem(NamedTuple):
    """Why a message is rejected: SessionRejectReason (373), and the field (0: none)."""

    reason: int
    tag: int = 0


@dataclass(frozen=True, slots=True)
class GroupLayout:
    """A repeating group: the field that begins an entry, the position of each field in an entry, and groups inside."""

    first: int
    order: Mapping[int, int]
    groups: Mapping[int, "GroupLayout"]


@dataclass(frozen=True, slots=True, repr=False)
class DataDictionary:
    """Groups are by MsgType and the tag of their count, what is required by MsgType."""

    msg_types: frozenset[str]
    header: frozenset[int]
    trailer: frozenset[int]
    required_of_header: tuple[int, ...]
    required_of_trailer: tuple[int, ...]
    required: Mapping[str, tuple[int, ...]]
    formats: Mapping[int, Callable[[bytes], bool]]
    values: Mapping[int, frozenset[bytes]]
    groups: Mapping[str, Mapping[int, GroupLayout]]

    def missing(
        self, msg_type: str, header: Mapping[int, bytes], body: Mapping[int, bytes], trailer: Mapping[int, bytes]
    ) -> FieldProblem | None:
        """An unknown MsgType, or the first required field that is missing."""
        if msg_type not in self.msg_types:
            return FieldProblem(tags.INVALID_MSGTYPE)
        parts = (
            (self.required_of_header, header),
            (self.required_of_trailer, trailer),
            (self.required.get(msg_type, ()), body),
        )
        for required, found in parts:
            for tag in required:
                if tag not in found:
                    return FieldProblem(tags.REQUIRED_TAG_MISSING, tag)
        return None

    def wrong(self, fields: Iterable[Field]) -> FieldProblem | None:
        """The first wrong field of header, body or trailer, which are sorted by tag; groups have their counts only."""
        last, formats, values = None, self.formats, self.values
        for tag, value in fields:
            if tag == last:
                return FieldProblem(tags.TAG_APPEARS_MORE_THAN_ONCE, tag)
            last = tag
            if tag in formats and not formats[tag](value):
                return FieldProblem(tags.INCORRECT_DATA_FORMAT, tag)
            if tag in values and value not in values[tag]:
                return FieldProblem(tags.VALUE_IS_INCORRECT, tag)
        return None


def parse_dictionary(path: Path) -> tuple[ElementTree.Element, list[ElementTree.Element]]:
    """The root of an XML file, and its header, trailer, messages and fields. ValueError if it is no data dictionary."""
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise ValueError(f"{path}: not XML: {error}") from None
    parts = [found for name in _PARTS if (found := root.find(name)) is not None]
    if len(parts) < len(_PARTS):
        raise ValueError(f"{path}: not a data dictionary: header, trailer, messages or fields missing")
    return root, parts


def read_dictionary(path: Path) -> DataDictionary:
    """The dictionary in an XML file. OSError if it cannot be read, ValueError if it is no data dictionary."""
    root, (header, trailer, messages, fields) = parse_dictionary(path)
    try:
        numbers = {each.get("name", ""): int(each.get("number", "")) for each in fields}
        has_header = root.get("type") == "FIXT" or root.get("major", "") < "5"
        found = _read(numbers, header if has_header else [], trailer if has_header else [], messages, fields)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path}: not a data dictionary: {error}") from None
    if has_header:
        _check_session_fields(path, found)
    return found


def _check_session_fields(path: Path, dictionary: DataDictionary) -> None:
    """What the session reads without a further check has to be required, and of a type."""
    parts: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = [
        ("", dictionary.required_of_header, (tags.MsgSeqNum, tags.SendingTime))
    ]
    parts += [(kind, dictionary.required.get(kind, ()), needed) for kind, needed in _NEEDED.items()]
    for kind, required, needed in parts:
        for tag in needed:
            if tag not in required or (tag != tags.TestReqID and tag not in dictionary.formats):
                where = f"message {kind}" if kind else "the header"
                raise ValueError(f"{path}: tag {tag} of {where} is not required, or has no type that is known")


def _read(
    numbers: Mapping[str, int],
    header: Iterable[ElementTree.Element],
    trailer: Iterable[ElementTree.Element],
    messages: Iterable[ElementTree.Element],
    fields: Iterable[ElementTree.Element],
) -> DataDictionary:
    header, trailer, messages, fields = list(header), list(trailer), list(messages), list(fields)
    by_type = {message.get("msgtype", ""): message for message in messages}
    enumerations = {
        numbers[each.get("name", "")]: frozenset(value.get("enum", "").encode() for value in each.iter("value"))
        for each in fields
    }
    return DataDictionary(
        msg_types=frozenset(by_type),
        header=frozenset(_HEADER).union(_tags(header, numbers)),
        trailer=frozenset(_TRAILER).union(_tags(trailer, numbers)),
        required_of_header=_required(header, numbers),
        required_of_trailer=_required(trailer, numbers),
        required={msg_type: _required(message, numbers) for msg_type, message in by_type.items()},
        formats={
            numbers[each.get("name", "")]: _FORMATS[each.get("type", "")]
            for each in fields
            if each.get("type", "") in _FORMATS
        },
        values={tag: values for tag, values in enumerations.items() if values},
        groups={HEADER_GROUPS: _groups(header, numbers)}
        | {msg_type: _groups(message, numbers) for msg_type, message in by_type.items()},
    )


def _tags(elements: Iterable[ElementTree.Element], numbers: Mapping[str, int]) -> list[int]:
    return [numbers[element.get("name", "")] for element in elements]


def _required(elements: Iterable[ElementTree.Element], numbers: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(sorted(_tags([each for each in elements if each.get("required") in ("Y", "y")], numbers)))


def _groups(elements: Iterable[ElementTree.Element], numbers: Mapping[str, int]) -> dict[int, GroupLayout]:
    found = {}
    for element in elements:
        if element.tag == "group" and len(element):
            inside = _tags(element, numbers)
            order = {tag: n for n, tag in enumerate(inside)}
            found[numbers[element.get("name", "")]] = GroupLayout(inside[0], order, _groups(element, numbers))
    return found


def _is_int(value: bytes) -> bool:
    digits = value.removeprefix(b"-")
    return digits.isdigit() and len(digits) <= _MAX_DIGITS and int(digits) <= _INT_MAX + (digits != value)


def is_seq_num(value: bytes) -> bool:
    """Whether this is a MsgSeqNum to the reference engine: a number of 64 bits."""
    return value.isdigit() and len(value) <= _MAX_DIGITS and int(value) <= _UINT64_MAX


_FORMATS: dict[str, Callable[[bytes], bool]] = {
    "INT": _is_int,
    "LENGTH": _is_int,
    "NUMINGROUP": _is_int,
    "SEQNUM": is_seq_num,
    "BOOLEAN": lambda value: value in (b"Y", b"N"),
    "CHAR": lambda value: len(value) == 1,
    "UTCTIMESTAMP": lambda value: _TIMESTAMP.fullmatch(value) is not None,
}
