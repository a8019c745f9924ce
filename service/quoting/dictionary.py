"""The relaxed form of the data dictionary that the acceptor's engine loads.

The engine answers what breaks the dictionary with a session Reject and swallows the message. A trader is owed a
QuoteRequestReject that says what is wrong, so the engine is given the structure only: which messages there are and which
fields form repeating groups. Required fields, enumerations and formats of application fields are checked by
`service.quoting.request`.

A group ends for the engine at the first field that it does not know in it, and what follows in a second entry would then
count as a tag that appears twice. So every standard field is made known inside the groups of a QuoteRequest.
"""

from pathlib import Path
from xml.etree import ElementTree

from service.quoting.request import is_leg

_HIGHEST_TAG = 956  # of FIX.4.4
_REQUEST = "R"


def relax(source: Path, target: Path) -> None:
    """Write the relaxed form of the dictionary `source` to `target`; ValueError if `source` is no dictionary."""
    try:
        root = ElementTree.parse(source).getroot()
    except ElementTree.ParseError as error:
        raise ValueError(f"{source}: not XML: {error}") from None
    messages, fields, header, trailer = (root.find(name) for name in ("messages", "fields", "header", "trailer"))
    if messages is None or fields is None or header is None or trailer is None:
        raise ValueError(f"{source}: not a data dictionary: header, trailer, messages or fields are missing")
    session = {field.get("name", "") for part in (header, trailer) for field in part.iter("field")}
    for message in messages:
        if message.get("msgcat") == "admin":
            session |= {field.get("name", "") for field in message.iter("field")}
            continue
        for element in message.iter():
            if element.tag in ("field", "group"):
                element.set("required", "N")
    _forget_values(fields, session)
    request = next((m for m in messages if m.get("msgtype") == _REQUEST), None)
    if request is not None:
        _open_groups(request, _complete(fields), session)
    target.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(root).write(target, encoding="UTF-8", xml_declaration=True)


def _forget_values(fields: ElementTree.Element, session: set[str]) -> None:
    """Any text is a value of a field that no session message has."""
    for field in fields:
        if field.get("name") not in session:
            for value in list(field):
                field.remove(value)
            field.set("type", "STRING")


def _complete(fields: ElementTree.Element) -> dict[int, str]:
    """Define every standard tag that is not; names of all tags by number."""
    names = {int(field.get("number", "0")): field.get("name", "") for field in fields}
    for tag in range(1, _HIGHEST_TAG + 1):
        if tag not in names:
            names[tag] = f"Tag{tag}"
            ElementTree.SubElement(fields, "field", number=str(tag), name=names[tag], type="STRING")
    return names


def _open_groups(request: ElementTree.Element, names: dict[int, str], session: set[str]) -> None:
    """Make the standard fields known in the message's groups, those of a leg also in the group of legs."""
    body = {element.get("name", "") for element in request}
    related = request.find("group")
    assert related is not None
    legs = related.find("group")
    for tag, name in names.items():
        if name in session or name in body:
            continue
        if legs is not None and is_leg(str(tag)):
            _know(legs, name)
        else:
            _know(related, name)


def _know(group: ElementTree.Element, name: str) -> None:
    if all(element.get("name") != name for element in group):
        ElementTree.SubElement(group, "field", name=name, required="N")
