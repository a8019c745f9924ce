"""Requests for the venue's list of instruments (x, c), and the instruments of its answers (y, d) and updates (BK, BP).

Source: SecurityListRequest, SecurityList, SecurityDefinitionRequest and SecurityDefinition of FIX.4.4, the update
reports of FIX.5.0 SP1.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from quotelife.config.venues.venue_profile import InstrumentsProfile
from quotelife.fix import tags
from quotelife.fix.encode import Body
from quotelife.fix.events import ApplicationMessage, first_values
from quotelife.fix.fields import as_int, as_text

ANSWERS = (
    tags.SECURITY_LIST,
    tags.SECURITY_DEFINITION,
    tags.SECURITY_LIST_UPDATE_REPORT,
    tags.SECURITY_DEFINITION_UPDATE_REPORT,
)
_ONE_MESSAGE = (tags.SECURITY_DEFINITION, tags.SECURITY_DEFINITION_UPDATE_REPORT)  # describe one instrument each
_UPDATES = (tags.SECURITY_LIST_UPDATE_REPORT, tags.SECURITY_DEFINITION_UPDATE_REPORT)
_VALID = (None, b"", b"0")  # SecurityRequestResult
_REFUSED = (b"5", b"6")  # SecurityResponseType: reject, cannot match
_DELETED = b"D"  # SecurityUpdateAction
_RESULTS = {
    b"1": "invalid or unsupported request",
    b"2": "no instruments found",
    b"3": "not authorised",
    b"4": "temporarily unavailable",
    b"5": "not supported",
}
_PLACEHOLDERS = ("{symbol}", "{security_id}")


@dataclass(frozen=True, slots=True)
class ListedInstrument:
    """An instrument as the venue describes it: the first value of each tag of its entry."""

    symbol: str
    security_id: str
    values: dict[int, bytes]
    deleted: bool = False

    def text(self, tag: int) -> str | None:
        """The value of `tag`; None if it is absent or empty."""
        return as_text(self.values.get(tag)) or None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a y, d, BK or BP says beside its instruments. `refused`: why the request is not answered, else empty."""

    request: str | None  # SecurityReqID; None if absent
    update: bool
    refused: str
    total: int | None  # of the list, over all its messages
    last: bool | None  # LastFragment; None if absent
    one_message: bool  # one message per instrument, so that it says little about the end of the list


def is_per_instrument(profile: InstrumentsProfile) -> bool:
    """Whether each instrument is asked for by itself: a field of the request names it."""
    return any(mark in field.value for field in profile.request_fields for mark in _PLACEHOLDERS)


def request_body(profile: InstrumentsProfile, request: str, symbol: str = "", security_id: str = "") -> Body:
    """Body of the SecurityListRequest (all securities) or SecurityDefinitionRequest (list of securities). A field of
    the profile takes the place of the default one; {symbol} and {security_id} are replaced."""
    is_list = profile.request == "SecurityListRequest"
    kind = (tags.SecurityListRequestType, "4") if is_list else (tags.SecurityRequestType, "3")
    given = [
        (f.tag, f.value.replace("{symbol}", symbol).replace("{security_id}", security_id))
        for f in profile.request_fields
    ]
    own = [(tags.SecurityReqID, request), kind]
    named = {tag for tag, _ in given}
    return (*(field for field in own if field[0] not in named), *(field for field in given if field[1]))


def read_answer(message: ApplicationMessage) -> Answer:
    """What a message in `ANSWERS` says about the request and the end of the list."""
    values = first_values(message.fields)
    result = values.get(tags.SecurityRequestResult)
    refused = ""
    if result not in _VALID:
        assert result is not None
        refused = _RESULTS.get(result, f"SecurityRequestResult (560) {as_text(result)}")
    elif values.get(tags.SecurityResponseType) in _REFUSED:
        refused = "rejected"
    if refused and (text := as_text(values.get(tags.Text))):
        refused = f"{refused}: {text}"
    total = as_int(values.get(tags.TotNoRelatedSym))
    last = values.get(tags.LastFragment)
    return Answer(
        request=as_text(values.get(tags.SecurityReqID)) or None,
        update=message.msg_type in _UPDATES,
        refused=refused,
        total=as_int(values.get(tags.TotNumReports)) if total is None else total,
        last=None if last is None else last == b"Y",
        one_message=message.msg_type in _ONE_MESSAGE,
    )


def listed_instruments(message: ApplicationMessage) -> Iterator[ListedInstrument]:
    """The instruments of a message in `ANSWERS`. An entry of NoRelatedSym begins with the group's first field."""
    fields = message.fields
    at = next((n for n, (tag, _) in enumerate(fields) if tag == tags.NoRelatedSym), None)
    if at is None or message.msg_type in _ONE_MESSAGE:
        if message.get(tags.Symbol) or message.get(tags.SecurityID):
            yield _listed(fields, {})
        return
    begins = [n for n in range(at + 1, len(fields)) if fields[n][0] == fields[at + 1][0]]
    common = first_values(fields[:at])
    for begin, end in zip(begins, [*begins[1:], len(fields)], strict=True):
        yield _listed(fields[begin:end], common)


def _listed(fields: list[tuple[int, bytes]], common: dict[int, bytes]) -> ListedInstrument:
    values = first_values(fields)
    action = values.get(tags.SecurityUpdateAction, common.get(tags.SecurityUpdateAction))
    return ListedInstrument(
        as_text(values.get(tags.Symbol)), as_text(values.get(tags.SecurityID)), values, action == _DELETED
    )
