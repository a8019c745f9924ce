"""A received message becomes the text that the reference engine gives: `property/fix/test_normalise.py` asks it."""

import pytest

from quotelife.fix.encode import frame_bytes
from quotelife.fix.normalise import InvalidMessage, ReceivedMessage, parse_message
from tests.unit.fix.client_rig import relaxed


@pytest.fixture(scope="module")
def fix44(tmp_path_factory):
    return relaxed(tmp_path_factory.mktemp("dictionaries"), "FIX44.xml")[0]


def parsed(dictionary, fields: str) -> ReceivedMessage:
    """A message of `fields`, of which | ends each."""
    message = frame_bytes(b"FIX.4.4", fields.replace("|", "\x01").encode("utf-8", "surrogateescape"))
    return parse_message(message, dictionary, dictionary)


def fields_of(text: str) -> str:
    """The fields behind BodyLength and before CheckSum."""
    return text.replace("\x01", "|").split("|", 2)[2].rsplit("10=", 1)[0]


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("35=D|56=Q|49=F|34=2|52=T|55=A|11=b|", "35=D|34=2|49=F|52=T|56=Q|11=b|55=A|"),
        ("35=D|34=2|11=b|49=F|97=Y|89=sig|38=1|", "35=D|34=2|49=F|97=Y|11=b|38=1|89=sig|"),
        ("35=R|34=2|146=2|55=A|54=1|38=1|55=B|131=r|", "35=R|34=2|131=r|146=2|55=A|54=1|38=1|55=B|"),
        ("35=R|34=2|146=1|54=1|38=1|55=A|131=r|", "35=R|34=2|131=r|146=1|54=1|38=1|55=A|"),
        ("35=R|34=2|146=1|55=A|38=1|54=1|131=r|", "35=R|34=2|131=r|146=1|55=A|54=1|38=1|"),
        ("35=R|34=2|146=1|55=A|555=2|600=X|623=1|600=Y|38=5|", "35=R|34=2|146=1|55=A|38=5|555=2|600=X|623=1|600=Y|"),
        ("35=R|34=2|146=1|55=A|38=1|38=2|", "35=R|34=2|146=1|55=A|38=1|38=2|"),
        ("35=R|34=2|146=9|131=r|", "35=R|34=2|131=r|146=9|"),
        ("35=D|034=2|-5=x|20001=y|055=A|", "35=D|34=2|-5=x|55=A|20001=y|"),
        ("35=D|34=2|58=a=b|11=|1=\udcff|", "35=D|34=2|1=\udcff|11=|58=a=b|"),
    ],
)
def test_fields_are_in_the_engines_order(fix44, sent, text):
    assert fields_of(parsed(fix44, sent).text()) == text


def test_length_and_checksum_are_those_of_the_text(fix44):
    content = b"35=0\x0134=2\x01"
    body = b"8=FIX.4.4\x019=00%d\x01%b" % (len(content), content)
    message = body + b"10=%03d\x01" % (sum(body) & 255)
    assert parse_message(message, fix44, fix44).text() == frame_bytes(b"FIX.4.4", content).decode()


@pytest.mark.parametrize(
    "fields",
    [
        "34=2|35=0|",
        "35=0|34|",
        "35=0|x=1|",
        "35=0|=1|",
        "35=0|+34=1|",
        "35=0|3_4=1|",
        "35=0|2147483648=1|",
        "35=0|99999999999999999999=1|",
        "35=0|34=2|8=FIX.4.4|",
        "35=0|34=2|9=5|",
        "35=0|10=000|34=2|",
    ],
)
def test_what_the_engine_cannot_read_is_invalid(fix44, fields):
    with pytest.raises(InvalidMessage):
        parsed(fix44, fields)


def test_the_first_value_of_a_repeated_field_counts(fix44):
    received = parsed(fix44, "35=D|34=2|49=A|49=B|11=x|11=y|")
    assert (received.values[49], received.body_values[11], received.seq_num) == (b"A", b"x", 2)
