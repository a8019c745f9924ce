"""Names of tags, message types and values from the shipped dictionaries, and messages as text without secrets."""

from collections.abc import Collection, Iterable
from functools import cache
from typing import NamedTuple
from xml.etree import ElementTree

from quotelife.config.shipped import FIX_CONFIG
from quotelife.config.venues.venue_profile import VenueProfile
from quotelife.fix import tags
from quotelife.fix.fields import MalformedMessage, split_fields

# Fields that venues send and that the dictionaries of the service's own sessions lack.
_FURTHER_TAGS = {
    22: "SecurityIDSource", 89: "Signature", 95: "RawDataLength", 96: "RawData", 107: "SecurityDesc",
    167: "SecurityType", 207: "SecurityExchange", 231: "ContractMultiplier",
    281: "MDReqRejReason", 286: "OpenCloseSettlFlag", 290: "MDEntryPositionNo",
    336: "TradingSessionID", 346: "NumberOfOrders", 371: "RefTagID", 387: "TotalVolumeTraded",
    461: "CFICode", 562: "MinTradeVol", 869: "PriceLevels", 911: "TotNumReports", 925: "NewPassword",
    965: "SecurityStatus", 980: "SecurityUpdateAction", 1021: "MDBookType", 1022: "MDFeedType", 1023: "MDPriceLevel",
    1140: "MaxTradeVol", 1148: "LowLimitPrice", 1149: "HighLimitPrice", 1151: "SecurityGroup", 1300: "MarketSegmentID",
    1682: "MDSecurityTradingStatus",
}  # fmt: skip
_FURTHER_MESSAGES = {
    tags.SECURITY_LIST_UPDATE_REPORT: "SecurityListUpdateReport",
    tags.SECURITY_DEFINITION_UPDATE_REPORT: "SecurityDefinitionUpdateReport",
    "g": "TradingSessionStatusRequest", "e": "SecurityStatusRequest",
}  # fmt: skip
_SECRET_TAGS = frozenset((89, 91, 96, tags.Password, 925, 1402, 1404))  # signatures, raw data, passwords
_SECRET_MARKS = ("{signature}", "{password}", "{96}")
MASK = "***"
_MIN_INSIDE = 4
_LENGTHS = (90, 93, 95)  # of a secret; they would count its characters


class Names(NamedTuple):
    """By number: names of fields, descriptions of their values (tag, value), names of message types."""

    tags: dict[int, str]
    values: dict[tuple[int, str], str]
    messages: dict[str, str]


@cache
def names() -> Names:
    """What the dictionaries and this module name."""
    found = Names(dict(_FURTHER_TAGS), {}, dict(_FURTHER_MESSAGES))
    for path in sorted(FIX_CONFIG.glob("*.xml")):
        root = ElementTree.parse(path).getroot()
        for field in root.iterfind("fields/field"):
            tag = int(field.get("number", "0"))
            found.tags[tag] = field.get("name", "")
            for value in field:
                found.values[tag, value.get("enum", "")] = value.get("description", "")
        for message in root.iterfind("messages/message"):
            found.messages[message.get("msgtype", "")] = message.get("name", "")
    return found


class ShownField(NamedTuple):
    """A field for the reader: `meaning` is the description of an enumerated value, else empty."""

    tag: int
    name: str
    value: str
    meaning: str


class Masking:
    """Removes secrets from what is shown: fields that hold one, and secrets inside of other texts."""

    def __init__(self, secrets: Collection[str] = (), secret_tags: Collection[int] = ()) -> None:
        self._secrets = sorted((s for s in secrets if s), key=len, reverse=True)
        self._tags = _SECRET_TAGS | frozenset(secret_tags)

    @classmethod
    def of(cls, profile: VenueProfile, secrets: Collection[str]) -> "Masking":
        """Of the profile's Logon: the fields whose template holds a secret, too."""
        marks = (*_SECRET_MARKS, *(f"{{{name}}}" for name in profile.logon.secrets))
        return cls(secrets, [f.tag for f in profile.logon.fields if any(mark in f.value for mark in marks)])

    def text(self, text: str) -> str:
        """Without secrets. One of a few characters is masked only where it is all of the text, not inside of words."""
        for secret in self._secrets:
            if len(secret) >= _MIN_INSIDE or text == secret:
                text = text.replace(secret, MASK)
        return text

    def fields(self, message: bytes) -> list[ShownField]:
        """The fields of a message; what cannot be split is one field 0."""
        try:
            fields: Iterable[tuple[int, bytes]] = split_fields(message)
        except MalformedMessage:
            return [
                ShownField(0, "bytes", self.text(message.decode("ascii", "backslashreplace").replace("\x01", "|")), "")
            ]
        known = names()
        shown = []
        for tag, raw in fields:
            value = raw.decode("utf-8", "backslashreplace")
            hidden = tag in self._tags or tag in _LENGTHS
            meaning = known.messages.get(value, "") if tag == tags.MsgType else known.values.get((tag, value), "")
            text = MASK if hidden else self.text(value)
            shown.append(ShownField(tag, known.tags.get(tag, ""), text, "" if hidden else meaning))
        return shown
