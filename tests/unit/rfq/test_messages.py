"""The texts that go out: every field is in the dictionary, in its message; and the form that the engine loads."""

import re
from xml.etree import ElementTree

import pytest
import quickfix as fix

from quotelife.acceptor.common.dictionary import relax
from quotelife.config.shipped import FIX_CONFIG
from quotelife.decision.quoter import QuoteDecision
from quotelife.decision.refusal import BOARD_STATUS_REFUSALS, REFUSAL_REASONS, REFUSALS
from quotelife.market.board.layout import STATUS_NAMES
from quotelife.market.grid import Grid
from quotelife.rfq import messages as message
from quotelife.runtime.clock import parse_utc_timestamp

DICTIONARY = FIX_CONFIG / "FIX44.xml"
WALL_NS = parse_utc_timestamp("20260105-10:00:00.123456789")


def known() -> dict[str, set[str]]:
    """Tags by MsgType, header and trailer included."""
    root = ElementTree.parse(DICTIONARY).getroot()
    numbers = {f.get("name"): f.get("number") for f in root.findall("fields/field")}
    common = {numbers[f.get("name")] for part in ("header", "trailer") for f in root.findall(f"{part}//field")}
    tags = {}
    for m in root.findall("messages/message"):
        tags[m.get("msgtype")] = common | {numbers[e.get("name")] for e in m.iter() if e.tag in ("field", "group")}
    return tags


def quoted(side: int) -> QuoteDecision:
    return QuoteDecision("X", 0, side, 5, 199, 205, 2, 6, 750_000_400, WALL_NS + 750_000_000, 0.01, 0.002)


def texts() -> list[str]:
    prices = Grid("0.5")
    rejected = {"exec_id": "E1", "filled": False, "side": "", "quantity": "", "price": "", "wall_ns": WALL_NS}
    return [
        *(message.quote(quoted(side), "Q1", "r1", "0.5", prices, True, WALL_NS) for side in (0, 1, 2)),
        message.quote_request_reject("r1", ["X", "Y"], 99, "why"),
        message.quote_request_reject("NONE", [], 99, "why"),
        message.execution_report(
            fields=[(693, "a"), (117, "Q1")], exec_id="E1", filled=True, symbol="X", side="1", quantity="1",
            price="2", wall_ns=WALL_NS,
        ),
        message.execution_report(fields=[(11, "a"), (117, "")], symbol="", code=5, text="why", **rejected),
        message.quote_status_report(
            quote_id="Q1", quote_req_id="r1", quote_resp_id="a", symbol="X", status=7, wall_ns=WALL_NS, text="why"
        ),
    ]  # fmt: skip


@pytest.mark.parametrize("text", texts())
def test_every_message_is_valid_under_the_dictionary(text):
    fields = [field.split("=", 1) for field in text.split("\x01")[:-1]]
    assert [tag for tag, _ in fields[:3]] == ["8", "9", "35"] and fields[-1][0] == "10"
    assert {tag for tag, _ in fields} <= known()[fields[2][1]]
    assert all(value for _, value in fields)


def test_quote_has_the_documented_fields():
    text = message.quote(quoted(1), "Q1", "r1", "0.5", Grid("0.5"), True, WALL_NS).replace("\x01", "|")
    assert "|131=r1|133=102.5|135=0.5|537=1|" in text and "|35=S|54=1|55=X|" in text and "132=" not in text
    assert "|60=20260105-10:00:00.123456|62=20260105-10:00:00.873456|117=Q1|" in text
    assert "|20001=LIQUIDITY_PROVIDER|20002=0.010000|20003=value_peak|20004=750000|20005=0.002000|" in text
    assert "2000" not in message.quote(quoted(1), "Q", "r", "1", Grid("1"), False, WALL_NS).replace("20004=", "")


@pytest.mark.parametrize("side", [0, 1, 2])
def test_fields_of_a_quote_are_in_ascending_order(side):
    """The engine sends them so, and a client should see them in the same order whatever answers."""
    for disclose in (True, False):
        text = message.quote(quoted(side), "Q1", "r1", "0.5", Grid("0.5"), disclose, WALL_NS)
        tags = [int(field.split("=")[0]) for field in text.split("\x01")[3:-2]]
        assert tags == sorted(tags)


def test_refusal_reasons_have_a_metric_and_a_valid_code():
    root = ElementTree.parse(DICTIONARY).getroot()
    codes = {v.get("enum") for v in root.findall("fields/field[@number='658']/value")}
    for reason in REFUSAL_REASONS:
        assert reason.name in REFUSALS and str(reason.code) in codes
    assert len(REFUSALS) == len(set(REFUSALS)) == len({reason.name for reason in REFUSAL_REASONS})
    assert set(BOARD_STATUS_REFUSALS) == set(range(1, len(STATUS_NAMES)))


def test_relaxed_dictionary_checks_structure_and_session_messages_only(tmp_path):
    relax(DICTIONARY, tmp_path / "relaxed.xml")
    root = ElementTree.parse(tmp_path / "relaxed.xml").getroot()
    request = root.find("messages/message[@msgtype='R']")
    assert request is not None
    assert {e.get("required") for e in request.iter() if e.tag in ("field", "group")} == {"N"}
    group = request.find("group[@name='NoRelatedSym']")
    assert group is not None and group[0].get("name") == "Symbol"
    assert group.find("group[@name='NoLegs']")[0].get("name") == "LegSymbol"
    assert root.find("fields/field[@name='Side']/value") is None
    assert root.find("fields/field[@name='HeartBtInt']").get("type") == "INT"
    assert root.find("messages/message[@msgtype='W']") is None
    defined = {f.get("name") for f in root.findall("fields/field")}
    used = {e.get("name") for e in root.iter() if e.tag in ("field", "group") and e.get("required")}
    assert used == defined


@pytest.mark.parametrize(
    ("msg_type", "group", "entry"),
    [("D", "453", ("448", "447", "452")), ("AJ", "453", ("448", "447", "452")), ("D", "78", ("79", "80")),
     ("D", "386", ("336", "625")), ("AJ", "735", ("695",)), ("Z", "453", ("448", "447", "452"))],
)  # fmt: skip
def test_relaxed_dictionary_has_the_standards_groups(tmp_path, msg_type, group, entry):
    """Without them, the engine rejects a second entry as duplicate tags."""
    relax(DICTIONARY, tmp_path / "relaxed.xml")
    dictionary = fix.DataDictionary(str(tmp_path / "relaxed.xml"))
    entries = "".join(f"{tag}={n}\x01" for n in (1, 2) for tag in entry)
    text = (
        f"8=FIX.4.4\x019=0\x0135={msg_type}\x0134=2\x0149=A\x0152=20260105-10:00:00\x0156=B\x01117=Q1\x01{group}=2\x01"
    )
    dictionary.validate(fix.Message(f"{text}{entries}10=000\x01", dictionary, False))


def test_invalid_dictionary_file_is_a_configuration_error(tmp_path):
    for content, words in (("<fix>", "not XML"), ("<fix/>", "not a data dictionary")):
        (tmp_path / "d.xml").write_text(content)
        with pytest.raises(ValueError, match=re.escape(words)):
            relax(tmp_path / "d.xml", tmp_path / "out.xml")
