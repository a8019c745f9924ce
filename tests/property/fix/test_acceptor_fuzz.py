"""An acceptor's session that receives anything: no exception, and whatever it sends is well-formed and numbered."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotelife.fix.encode import frame_bytes
from quotelife.fix.fields import split_fields
from quotelife.fix.session import EXPECTED, NEXT_OUT, State
from tests.property.fix.test_normalise import FIELD, TIME, TYPES, VALUES
from tests.unit.fix.client_rig import REPORT, WALL, ClientRig, relaxed

SEQ_NUMS = st.one_of(st.integers(-3, 3), VALUES)  # relative to the expected one, or any text
BODIES = {
    "A": ("98=0|108=30|", "98=0|108=30|141=Y|", "98=0|108=99999|141=Y|", "98=0|108=30|789=2|141=Y|"),
    "1": ("112=x|",),
    "2": ("7=1|16=0|", "7=2|16=999999|", "7=3|16=2|", "7=18446744073709551615|16=18446744073709551615|"),
    "3": ("45=2|",),
    "4": ("36=9|", "36=1|", "123=Y|36=4|", "123=Y|36=9|", "36=18446744073709551615|", "36=4611686018427387904|"),
}


@st.composite
def messages(draw: st.DrawFn) -> tuple[int | str, str, str]:
    """MsgSeqNum, what stands before it, and what stands behind it."""
    msg_type = draw(TYPES)
    header = ["49=FUND|", f"52={TIME}|", "56=QUOTELIFE|"]
    dropped = draw(st.integers(0, 30))
    kept = [field for n, field in enumerate(header) if n != dropped]
    kept.append(draw(st.sampled_from(("", "", f"43=Y|122={TIME}|"))))
    body = draw(st.sampled_from(BODIES.get(msg_type, ("131=r|146=1|55=A|",))))
    odd = "".join(f"{tag}={value}|" for tag, value in draw(st.lists(FIELD, max_size=2)))
    return draw(SEQ_NUMS), f"35={msg_type}|", "".join(kept) + body + odd


@pytest.fixture(scope="module")
def fix44(tmp_path_factory):
    return relaxed(tmp_path_factory.mktemp("dictionaries"), "FIX44.xml")[0]


@settings(max_examples=60, deadline=None)
@given(received=st.lists(messages(), max_size=20))
def test_a_session_survives_everything(fix44, received):
    with TemporaryDirectory() as folder:
        rig = ClientRig(Path(folder), fix44).logged_on()
        words = rig.session.sequence
        for seq_num, before, behind in received:
            number = max(int(words[EXPECTED]) + seq_num, 0) if isinstance(seq_num, int) else seq_num
            content = f"{before}34={number}|{behind}".replace("|", "\x01")
            expected, next_out = int(words[EXPECTED]), int(words[NEXT_OUT])
            rig.receive_bytes(frame_bytes(b"FIX.4.4", content.encode()))
            rig.send(REPORT.format("x"), stored=True)
            may_restart = "\x01141=Y\x01" in content
            assert words[EXPECTED] >= expected or may_restart
            check_sent(rig, next_out, may_restart)
            if rig.session.state is State.DISCONNECTED:
                rig.logged_on()
        rig.session.on_timer(rig.now, WALL)
        rig.close()


def check_sent(rig: ClientRig, next_out: int, may_restart: bool) -> None:
    """The messages sent have numbers from `next_out` on, or from 1; those sent again have lower ones."""
    for part in rig.session.drain().split(b"8=FIX.4.4\x01")[1:]:
        values = dict(split_fields(b"8=FIX.4.4\x01" + part))
        if values.get(43) != b"Y":
            next_out = 1 if may_restart and values[34] == b"1" else next_out
            assert int(values[34]) == next_out
            next_out += 1
        else:
            assert 1 <= int(values[34]) < rig.session.sequence[NEXT_OUT]
    if rig.session.is_logged_on:
        assert next_out == rig.session.sequence[NEXT_OUT]
