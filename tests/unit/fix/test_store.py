"""The file of a session's numbers and messages: what it holds after any end of its process."""

import os

import pytest

from quotelife.fix.session import AWAITING_RESEND, EXPECTED, IN_SEQUENCE, NEXT_OUT
from quotelife.fix.store import MAX_MESSAGE_BYTES, MappedStore, StoreError

NAME = "FIX.4.4:QUOTELIFE->FUND"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "FUND.store"


def store_and_send(store, seq_num, message):
    store.append(seq_num, message)
    store.sequence[NEXT_OUT] = seq_num + 1


def reopened(store):
    store.close()
    return MappedStore(store.path, NAME)


def test_a_new_store_begins_with_1_and_is_empty(path):
    store = MappedStore(path, NAME)
    assert store.sequence.tolist() == [1, 1, 0, 0, 0, 0, 0, 0]
    assert len(store) == 0 and store.find(1) is None and store.first_from(1, 99) is None


def test_numbers_and_messages_outlive_the_process(path):
    store = MappedStore(path, NAME)
    store.sequence[EXPECTED] = 7
    store_and_send(store, 3, b"three")
    store_and_send(store, 5, b"five" * 1_000)
    store = reopened(store)
    assert (store.sequence[EXPECTED], store.sequence[NEXT_OUT]) == (7, 6)
    assert (store.find(3), store.find(4), store.find(5)) == (b"three", None, b"five" * 1_000)
    assert [store.first_from(*span) for span in ((1, 9), (4, 9), (6, 9), (1, 2))] == [3, 5, None, None]


def test_words_of_the_connection_do_not(path):
    store = MappedStore(path, NAME)
    store.sequence[IN_SEQUENCE] = store.sequence[AWAITING_RESEND] = 1
    assert reopened(store).sequence.tolist()[2:] == [0] * 6


def test_reset_forgets_everything_and_frees_the_disk(path):
    store = MappedStore(path, NAME)
    store_and_send(store, 1, b"x" * 100_000)
    store.reset()
    assert path.stat().st_size == 4096
    for each in (store, reopened(store)):
        assert each.sequence.tolist()[:2] == [1, 1]
        assert len(each) == 0 and each.find(1) is None


def test_an_interrupted_reset_is_completed(path, monkeypatch):
    store = MappedStore(path, NAME)
    store.sequence[EXPECTED] = 9
    store_and_send(store, 8, b"x")

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "ftruncate", killed)
    with pytest.raises(KeyboardInterrupt):
        store.reset()
    monkeypatch.undo()
    store.sequence[EXPECTED] = 9  # as if the words had not been written yet
    store = reopened(store)
    assert store.sequence.tolist()[:2] == [1, 1] and len(store) == 0


def test_a_message_that_was_stored_but_did_not_leave_is_replaced(path):
    store = MappedStore(path, NAME)
    store_and_send(store, 1, b"one")
    store.append(2, b"never left")
    store = reopened(store)
    assert len(store) == 1
    store.append(2, b"not sent either")
    store_and_send(store, 2, b"two")
    assert [store.find(n) for n in (1, 2)] == [b"one", b"two"]
    store = reopened(store)
    assert [store.find(n) for n in (1, 2)] == [b"one", b"two"]


@pytest.mark.parametrize("damage", ["shorter", "changed"])
def test_a_torn_tail_is_dropped(path, damage):
    store = MappedStore(path, NAME)
    for n in (1, 2, 3):
        store_and_send(store, n, b"message %d" % n)
    store.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        if damage == "shorter":
            file.truncate(size - 1)
        else:
            file.seek(size - 1)
            file.write(b"?")
    store = MappedStore(path, NAME)
    assert [store.find(n) for n in (1, 2, 3)] == [b"message 1", b"message 2", None]
    assert store.sequence[NEXT_OUT] == 4  # number 3 has left, and is gap-filled
    store_and_send(store, 4, b"message 4")
    assert reopened(store).find(4) == b"message 4"


def test_a_disk_without_room_changes_nothing(path, monkeypatch):
    store = MappedStore(path, NAME)
    store_and_send(store, 1, b"one")
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: len(data) // 2)
    with pytest.raises(OSError, match="of 27 bytes written"):
        store.append(2, b"two")
    monkeypatch.undo()
    assert store.find(2) is None
    store_and_send(store, 2, b"two")
    assert reopened(store).find(2) == b"two"


def test_a_message_without_end_is_refused(path):
    with pytest.raises(ValueError, match="allowed: 1048576"):
        MappedStore(path, NAME).append(1, b"x" * (MAX_MESSAGE_BYTES + 1))


def test_a_file_in_use_is_refused(path):
    store = MappedStore(path, NAME)
    with pytest.raises(StoreError, match="another process uses it"):
        MappedStore(path, NAME)
    store.close()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "0 bytes, its first page has 4096"),
        (b"x" * 5_000, "not the store of a session"),
        (None, "of session FIX.4.4:QUOTELIFE->FUND, expected FIX.4.2:QUOTELIFE->FUND"),
    ],
)
def test_another_file_is_refused_by_name(path, content, error):
    if content is None:
        MappedStore(path, NAME).close()
    else:
        path.write_bytes(content)
    with pytest.raises(StoreError, match=error):
        MappedStore(path, "FIX.4.2:QUOTELIFE->FUND")


def test_another_version_of_the_layout_is_refused(path):
    MappedStore(path, NAME).close()
    with path.open("r+b") as file:
        file.seek(8)
        file.write((2).to_bytes(8, "little"))
    with pytest.raises(StoreError, match="of version 2, expected 1"):
        MappedStore(path, NAME)


def test_a_name_that_does_not_fit_is_refused(path):
    with pytest.raises(StoreError, match="300 bytes; allowed: 256"):
        MappedStore(path, "x" * 300)
