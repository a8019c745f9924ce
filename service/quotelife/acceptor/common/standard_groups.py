"""What the dictionaries that the engine loads have beside those of the rules of engagement: the standard's groups.

Engine defect: a group that the dictionary does not list has duplicate tags, so the engine rejects its message. So the
standard's groups of the messages of clients are listed: an order may name two parties.

A hedge session's dictionary has the reports of trades too, ExecutionReport and TradeCaptureReport; none of their groups
is read but the side. The rules of engagement are between desk and client, so their dictionaries lack these messages.
"""

from xml.etree import ElementTree

from quotelife.rfq.positions.hedges import EXECUTION_REPORT, TRADE_CAPTURE_REPORT

Members = tuple["int | tuple[int, Members]", ...]  # a field by its tag, or a group by that of its count

_PARTIES: Members = (448, 447, 452, (802, (523, 803)))
_ALLOCATIONS: Members = (79, 661, 736, 467, 756, 80, (539, (524, 525, 538, (804, (545, 805)))))
_COMMON: Members = (
    (453, _PARTIES), (454, (455, 456)), (518, (519, 520, 521)), (232, (233, 234)), (136, (137, 138, 139, 891)),
    (78, _ALLOCATIONS),
)  # fmt: skip
_SIDE: Members = (
    *(54, 37, 198, 11, 526, 66, 1, 660, 581, 81, 575, (576, (577,)), 578, 579, 821, 15, 376, 377, 528, 529, 582, 40),
    *(18, 483, 336, 625, 943, 12, 13, 479, 497, 381, 157, 230, 158, 159, 738, 920, 921, 922, 238, 237, 118, 119, 120),
    *(155, 156, 77, 58, 354, 355, 752, 825, 826, 591, 70, *_COMMON),
    *(430, 1005, 1006, 1007, 1008, 1009, 1057, 1139, 1154, 1155, 1427, 1428, 1429, 1444),  # of FIX.5.0SP2
)
_UNDERLYINGS: Members = (
    *(311, 312, 309, 305, (457, (458, 459)), 462, 463, 310, 763, 313, 542, 315, 241, 242, 243, 244, 245, 246, 256, 595),
    *(592, 593, 594, 247, 316, 941, 317, 436, 435, 308, 306, 362, 363, 307, 364, 365, 877, 878, 318, 879, 810, 882),
    *(883, 884, 885, 886, (887, (888, 889))),
)
_OF_CLIENTS: Members = (
    (453, _PARTIES), (454, (455, 456)), (711, _UNDERLYINGS), (864, (865, 866, 867, 868)), (232, (233, 234)),
    (78, _ALLOCATIONS), (386, (336, 625)), (735, (695,)),
)  # fmt: skip
_CLIENT_MESSAGES = ("D", "AJ", "a", "Z")  # a QuoteRequest's are those of its group: see `dictionary.py`
_GROUPS: dict[str, tuple[str, Members]] = {
    EXECUTION_REPORT: ("ExecutionReport", ((382, (375, 337, 437, 438, 655)), (1362, (1363, 1364, 1365)), *_COMMON)),
    TRADE_CAPTURE_REPORT: (
        "TradeCaptureReport",
        (
            (552, _SIDE), (454, (455, 456)), (753, (707, 708)), (768, (769, 770, 771)),
            (1907, (1903, 1904, 1905, 1906, 2397, 2411)), (1116, (1117, 1118, 1119, (1120, (1121, 1122)))),
        ),
    ),
}  # fmt: skip


def add_client_groups(messages: ElementTree.Element, fields: ElementTree.Element) -> None:
    """Add the standard's groups to the messages of clients in a data dictionary, and their fields to its fields."""
    names = {int(field.get("number", "0")): field.get("name", "") for field in fields}
    for msg_type in _CLIENT_MESSAGES:
        message = messages.find(f"message[@msgtype='{msg_type}']")
        if message is not None:
            _add(message, _OF_CLIENTS, fields, names)


def add_hedge_messages(messages: ElementTree.Element, fields: ElementTree.Element) -> None:
    """Add the reports to the messages of a data dictionary, and their fields to its fields."""
    names = {int(field.get("number", "0")): field.get("name", "") for field in fields}
    for msg_type, (name, members) in _GROUPS.items():
        message = messages.find(f"message[@msgtype='{msg_type}']")
        if message is None:
            message = ElementTree.SubElement(messages, "message", name=name, msgtype=msg_type, msgcat="app")
        _add(message, members, fields, names)


def _add(parent: ElementTree.Element, members: Members, fields: ElementTree.Element, names: dict[int, str]) -> None:
    known = {element.get("name") for element in parent}
    for member in members:
        tag, inner = member if isinstance(member, tuple) else (member, None)
        if tag not in names:
            names[tag] = f"Tag{tag}"
            ElementTree.SubElement(fields, "field", number=str(tag), name=names[tag], type="STRING")
        if names[tag] not in known:
            kind = "field" if inner is None else "group"
            element = ElementTree.SubElement(parent, kind, name=names[tag], required="N")
            if inner is not None:
                _add(element, inner, fields, names)
