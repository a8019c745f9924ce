"""The relaxed form of the data dictionary that the acceptor's engine loads.

The engine answers what breaks the dictionary with a session Reject and swallows the message. A trader is owed a
QuoteRequestReject that says what is wrong, so the engine is given the structure only: which messages there are and which
fields form repeating groups. Required fields, enumerations and formats of application fields are checked by
`service.quoting.request`.
"""

from pathlib import Path
from xml.etree import ElementTree

_KEEPS_TYPE = {"NUMINGROUP"}  # the engine converts the count of a group itself


def relax(source: Path, target: Path) -> None:
    """Write the relaxed form of the dictionary `source` to `target`; ValueError if `source` is no dictionary."""
    try:
        root = ElementTree.parse(source).getroot()
    except ElementTree.ParseError as error:
        raise ValueError(f"{source}: not XML: {error}") from None
    messages, fields, header, trailer = (root.find(name) for name in ("messages", "fields", "header", "trailer"))
    if messages is None or fields is None or header is None or trailer is None:
        raise ValueError(f"{source}: not a data dictionary: header, trailer, messages or fields are missing")
    session = {field.get("name") for part in (header, trailer) for field in part.iter("field")}
    for message in messages:
        if message.get("msgcat") == "admin":
            session |= {field.get("name") for field in message.iter("field")}
            continue
        for element in message.iter():
            if element.tag in ("field", "group"):
                element.set("required", "N")
    for field in fields:
        if field.get("name") in session:
            continue
        for value in list(field):
            field.remove(value)
        if field.get("type") not in _KEEPS_TYPE:
            field.set("type", "STRING")
    target.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(root).write(target, encoding="UTF-8", xml_declaration=True)
