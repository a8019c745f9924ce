"""A received message against the reference engine: the same text, the same reason to reject it.

The engine's own parser and dictionary are asked, with the settings of `fix_config/acceptor.cfg`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import quickfix as engine
from hypothesis import given, settings
from hypothesis import strategies as st

from quotelife.acceptor.common.dictionary import relax
from quotelife.fix import tags
from quotelife.fix.dictionary import DataDictionary, FieldProblem, read_dictionary
from quotelife.fix.encode import frame_bytes
from quotelife.fix.normalise import InvalidMessage, parse_message
from tests.paths import ROOT

TIME = "20260101-00:00:00"
VERSIONS = {"FIX.4.2": ("FIX42.xml",), "FIX.4.4": ("FIX44.xml",), "FIXT.1.1": ("FIXT11.xml", "FIX50SP2.xml")}
REASONS = {
    "RequiredTagMissing": tags.REQUIRED_TAG_MISSING,
    "IncorrectTagValue": tags.VALUE_IS_INCORRECT,
    "IncorrectDataFormat": tags.INCORRECT_DATA_FORMAT,
    "InvalidMessageType": tags.INVALID_MSGTYPE,
    "RepeatedTag": tags.TAG_APPEARS_MORE_THAN_ONCE,
}
ENGINE_ERRORS = tuple(getattr(engine, name) for name in REASONS)
HEADER = (9, 35, 34, 43, 49, 50, 52, 56, 57, 97, 115, 116, 122, 128, 145, 369, 1128)
SESSION = (7, 16, 36, 45, 58, 98, 108, 112, 123, 141, 371, 372, 373, 553, 554, 789)
GROUPS = (
    *(146, 55, 54, 38, 62, 60, 40, 44, 1, 15, 64, 555, 600, 623, 624, 687, 453, 448, 447, 452, 802, 523, 803, 454, 455),
    *(456, 711, 311, 457, 458, 459, 735, 695, 864, 865, 232, 233, 234),
)
OTHER = (131, 117, 11, 693, 694, 10, 89, 93, -5, 0, 5_000, 20_001, 2**31 - 1, 212, 213, 354, 355, 627, 628)
TAGS = st.one_of(
    st.sampled_from((*HEADER, *SESSION, *GROUPS, *OTHER)).map(str),
    st.sampled_from(("035", "0055", "-0", "x", "", "+5", "5_0", " 5", "2147483648", "-2147483649", "9" * 5_000)),
)
VALUES = st.one_of(
    st.sampled_from(("", "0", "1", "2", "9", "Y", "N", "X", "-1", "007", "a=b", "é", "BTC-USD", "+1", "-")),
    st.sampled_from((TIME, f"{TIME}.", f"{TIME}.123456", f"{TIME}.1234567890")),
    st.sampled_from(("20260231-23:59:60.123456789", "20260101-24:00:00", "2026-01-01")),
    st.sampled_from((2**31 - 1, 2**31, -(2**31), 2**64 - 1, 2**64)).map(str),
)
TYPES = st.sampled_from(("R", "R", "R", "D", "AJ", "a", "Z", "8", "W", "ZZ", "", "j", *"012345A"))
FIELD = st.tuples(TAGS, VALUES)
ENTRY = st.lists(st.tuples(st.sampled_from(GROUPS).map(str), VALUES), max_size=8)


@st.composite
def contents(draw: st.DrawFn) -> str:
    """MsgType to the last field before the trailer."""
    fields = [("34", "2"), ("49", "FUND"), ("52", TIME), ("56", "QUOTELIFE")]
    for _ in range(draw(st.integers(0, 3))):
        fields += [("146", draw(VALUES)), *draw(ENTRY)]
    fields += draw(st.lists(FIELD, max_size=4))
    fields = draw(st.permutations(fields)) if draw(st.booleans()) else fields
    dropped = draw(st.sampled_from((None,) * 8 + ("34", "49", "52", "56")))
    return "".join(f"{tag}={value}\x01" for tag, value in [("35", draw(TYPES)), *fields] if tag != dropped)


class Version(NamedTuple):
    """A FIX version, with the service's dictionaries of it and the engine's."""

    begin_string: str
    session: DataDictionary
    application: DataDictionary
    engine_dictionaries: list[engine.DataDictionary]

    def engine_problem(self, message: engine.Message) -> tuple[int, int] | None:
        """Reason and field of the engine's rejection; 0 for the field where it names none."""
        session, application = self.engine_dictionaries[0], self.engine_dictionaries[-1]
        known, header = self.session.values.get(tags.ApplVerID), message.getHeader()
        if known and header.isSetField(tags.ApplVerID) and header.getField(tags.ApplVerID).encode() not in known:
            application = _configured(engine.DataDictionary())  # of a version that it does not know it has none
        validate: Callable[..., None] = engine.DataDictionary.validate
        try:
            if message.isAdmin():
                session.validate(message)
            else:
                validate(message, session, application)
        except ENGINE_ERRORS as error:
            return REASONS[type(error).__name__], getattr(error, "field", 0)
        return None


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> list[Version]:
    folder: Path = tmp_path_factory.mktemp("dictionaries")
    found = []
    for begin_string, names in VERSIONS.items():
        engines = []
        for name in names:
            relax(ROOT / "fix_config" / name, folder / name)
            engines.append(_configured(engine.DataDictionary(str(folder / name))))
        own = [read_dictionary(folder / name) for name in names]
        found.append(Version(begin_string, own[0], own[-1], engines))
    return found


def _configured(dictionary: engine.DataDictionary) -> engine.DataDictionary:
    dictionary.checkFieldsOutOfOrder(False)
    dictionary.checkFieldsHaveValues(False)
    dictionary.checkUserDefinedFields(False)
    dictionary.allowUnknownMsgFields(True)
    return dictionary


@settings(max_examples=200, deadline=None)
@given(content=contents(), zeros=st.sampled_from((0, 0, 0, 0, 2)))
def test_a_message_is_read_as_the_reference_engine_reads_it(versions, content, zeros):
    for version in versions:
        message = frame_bytes(version.begin_string.encode(), content.encode())
        head, _, rest = message.partition(b"\x019=")
        before = head + b"\x019=" + b"0" * zeros + rest[: -len(b"10=000\x01")]
        message = before + b"10=%03d\x01" % (sum(before) & 255)
        compare(version, message)


def compare(version: Version, message: bytes) -> None:
    try:
        theirs = engine.Message(message.decode(), *version.engine_dictionaries, True)
    except engine.InvalidMessage:
        with pytest.raises(InvalidMessage):
            parse_message(message, version.session, version.application)
        return
    ours = parse_message(message, version.session, version.application)
    problem: FieldProblem | None = ours.problem(version.session, version.application)
    found = version.engine_problem(theirs)
    assert (problem and problem.reason) == (found and found[0])
    if problem and found and found[1]:
        assert problem.tag == found[1]
    if problem is None or problem.reason != tags.TAG_APPEARS_MORE_THAN_ONCE:
        assert ours.text() == theirs.toString() or repeats(ours.header.fields) or repeats(ours.body.fields)


def repeats(fields: list[tuple[int, bytes]]) -> bool:
    """Whether a tag is there twice: the engine sorts such fields in any order."""
    return len({tag for tag, _ in fields}) < len(fields)
