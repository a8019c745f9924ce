"""Data dictionaries of a venue in each FIX version, for a QuickFIX acceptor: the project's messages of market data."""

import xml.etree.ElementTree as ET
from pathlib import Path

from quotelife.config.shipped import FIX_CONFIG

_MINOR = {"FIX.4.2": "2", "FIX.4.4": "4"}
# Credentials that a venue reads in a Logon, in the order in which they are declared.
_LOGON_FIELDS = {95: ("RawDataLength", "LENGTH"), 96: ("RawData", "DATA"), 553: ("Username", "STRING")}
_LOGON_FIELDS |= {554: ("Password", "STRING"), 9407: ("AccessKey", "STRING")}


def dictionary_settings(folder: Path, version: str) -> str:
    """Write the dictionaries of a version into the folder. Returns the settings that name them."""
    application = ET.parse(FIX_CONFIG / "FIX44.xml")
    if version != "FIX.5.0SP2":
        application.getroot().set("minor", _MINOR[version])
        _add_credentials(application.getroot())
        application.write(folder / "venue.xml")
        return f"DataDictionary={folder / 'venue.xml'}\n"
    root = application.getroot()
    root.attrib.update(major="5", minor="0", servicepack="2")
    for part in ("header", "trailer"):
        element = root.find(part)
        assert element is not None
        element.clear()
    messages = root.find("messages")
    assert messages is not None
    for message in messages.findall("message[@msgcat='admin']"):
        messages.remove(message)
    application.write(folder / "venue.xml")
    transport = ET.parse(FIX_CONFIG / "FIXT11.xml")
    _add_credentials(transport.getroot())
    transport.write(folder / "transport.xml")
    return (
        f"TransportDataDictionary={folder / 'transport.xml'}\nAppDataDictionary={folder / 'venue.xml'}\n"
        "DefaultApplVerID=FIX.5.0SP2\n"
    )


def _add_credentials(root: ET.Element) -> None:
    logon, fields = root.find("messages/message[@msgtype='A']"), root.find("fields")
    assert logon is not None and fields is not None
    inside = {field.get("name") for field in logon}
    declared = {field.get("number") for field in fields}
    for tag, (name, kind) in _LOGON_FIELDS.items():
        if name not in inside:
            ET.SubElement(logon, "field", name=name, required="N")
        if str(tag) not in declared:
            ET.SubElement(fields, "field", number=str(tag), name=name, type=kind)
