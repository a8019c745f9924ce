"""A message is read from the engine's store as the engine writes it."""

from quotelife.acceptor.quickfix.engine import fix
from quotelife.acceptor.quickfix.stored_messages import stored_message


def test_stored_message_is_found_by_its_number(tmp_path):
    store = fix.FileStore(fix.UtcTimeStamp.now(), str(tmp_path), fix.SessionID("FIX.4.4", "QUOTELIFE", "OMS"))
    texts = {3: "8=FIX.4.4\x0134=3\x01", 12: "8=FIX.4.4\x0134=12\x01", 13: "another\x01"}
    for number, text in texts.items():
        store.set(number, text)
    name = fix.SessionID("FIX.4.4", "QUOTELIFE", "OMS").toString()
    assert {n: stored_message(tmp_path, name, n) for n in (3, 4, 12, 13)} == texts | {4: None}
    assert stored_message(tmp_path, "FIX.4.4:QUOTELIFE->NOBODY", 3) is None
