"""Writes the relaxed data dictionary that the engine loads.

Engine defect: a message that breaks the dictionary is answered with a session Reject and dropped. The client needs a
QuoteRequestReject with the reason, so the engine gets the structure only: the messages, and the fields of repeating
groups. `quotelife.rfq.quote_request` checks required fields, enumerations and formats of application fields. The same
holds for a client's Reject, which has to be heard whatever is wrong with it.

Engine defect: a group ends at the first field that the dictionary does not list in it, and the fields of a second entry
then count as duplicate tags. So all of the standard's fields are listed in a QuoteRequest's groups, also those that the
service does not read. Otherwise the dictionary is small: the engine looks each field up several times, and a large
dictionary adds latency.
"""

from pathlib import Path
from xml.etree import ElementTree

from quotelife.acceptor.common.standard_groups import add_client_groups, add_hedge_messages
from quotelife.fix.dictionary import parse_dictionary
from quotelife.rfq.quote_request import LEG_TAGS, NESTED_TAGS

_MARKET_DATA_MESSAGES = frozenset("VWXYBfh")  # clients neither send nor receive them
_REQUEST, _REJECT = "R", "3"
# Fields of NoRelatedSym (146) in FIX.4.4: instrument, financing, quantity and settlement, price and yield.
_RELATED = (
    *(1, 15, 22, 38, 40, 44, 48, 54, 55, 60, 62, 63, 64, 65, 106, 107, 126, 140, 152, 167, 192, 193, 200, 201, 202),
    *(206, 207, 218, 220, 221, 222, 223, 224, 225, 226, 227, 228, 229, 231, 232, 235, 236, 239, 240, 255, 303, 336),
    *(348, 349, 350, 351, 423, 453, 454, 460, 461, 468, 470, 471, 472, 516, 537, 541, 543, 581, 625, 640, 660, 662),
    *(663, 667, 691, 692, 696, 697, 698, 699, 701, 711, 735, 761, 762, 788, 854, 864, 873, 874, 875, 876, 898, 913),
    *(18, 110, 120, 121, 263, 914, 915, 916, 917, 918, 919, 947, 1193),
)


def relax(source: Path, target: Path, for_hedges: bool = False) -> None:
    """Write the relaxed form of `source` to `target`, for a client's session or for one that reports hedges. ValueError
    if `source` is not a data dictionary."""
    root, (header, trailer, messages, fields) = parse_dictionary(source)
    session = {field.get("name", "") for part in (header, trailer) for field in part.iter("field")}
    for message in list(messages):
        if message.get("msgcat") == "admin" and message.get("msgtype") != _REJECT:
            session |= {field.get("name", "") for field in message.iter("field")}
        elif message.get("msgtype") in _MARKET_DATA_MESSAGES:
            messages.remove(message)
        else:
            for element in message.iter():
                if element.tag in ("field", "group"):
                    element.set("required", "N")
    _drop_enumerations(fields, session)
    request = next((m for m in messages if m.get("msgtype") == _REQUEST), None)
    if request is not None:
        _extend_groups(request, fields)
    add_client_groups(messages, fields)
    if for_hedges:
        add_hedge_messages(messages, fields)
    used = {element.get("name") for part in (header, trailer, messages) for element in part.iter()}
    for field in list(fields):
        if field.get("name") not in used:
            fields.remove(field)
    target.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(root).write(target, encoding="UTF-8", xml_declaration=True)


def _drop_enumerations(fields: ElementTree.Element, session: set[str]) -> None:
    """Accept any text in a field that no session message has."""
    for field in fields:
        if field.get("name") not in session:
            for value in list(field):
                field.remove(value)
            field.set("type", "STRING")


def _extend_groups(request: ElementTree.Element, fields: ElementTree.Element) -> None:
    """List the standard's fields in the group of related symbols and in its group of legs."""
    names = {int(field.get("number", "0")): field.get("name", "") for field in fields}
    related = request.find("group")
    legs = None if related is None else related.find("group")
    for group, tags in ((related, (*_RELATED, *map(int, NESTED_TAGS))), (legs, map(int, LEG_TAGS))):
        if group is None:
            continue
        known = {element.get("name") for element in group}
        for tag in tags:
            if tag not in names:
                names[tag] = f"Tag{tag}"
                ElementTree.SubElement(fields, "field", number=str(tag), name=names[tag], type="STRING")
            if names[tag] not in known:
                ElementTree.SubElement(group, "field", name=names[tag], required="N")
