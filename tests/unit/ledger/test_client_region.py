"""The file of client statistics: each change is read once, a new file replaces the old one, no row is torn."""

import multiprocessing as mp

import numpy as np
import pytest

from quotelife.ledger import client_layout as L
from quotelife.ledger.client_region import ClientRegionReader, ClientRegionWriter
from quotelife.shm.region import RegionError

NAMES = ["A", "B"]


@pytest.fixture
def rows():
    return np.random.default_rng(1).random((len(NAMES), L.ROW_WORDS))


def test_a_reader_gets_each_row_once_per_change(tmp_path, rows):
    publisher = ClientRegionWriter(tmp_path / "clients", NAMES, rows)
    published = ClientRegionReader.attach(tmp_path / "clients", NAMES)
    assert [client for client, _ in published.changes()] == [0, 1]
    assert list(published.changes()) == []
    rows[1] += 1.0
    publisher.write(1, rows[1])
    ((client, row),) = published.changes()
    assert client == 1
    assert row[1:].tolist() == rows[1][1:].tolist()


def test_a_new_file_is_complete_and_readers_of_the_old_one_keep_it(tmp_path, rows):
    ClientRegionWriter(tmp_path / "clients", NAMES, rows)
    old = ClientRegionReader.attach(tmp_path / "clients", NAMES)
    ClientRegionWriter(tmp_path / "clients", NAMES, rows)
    new = ClientRegionReader.attach(tmp_path / "clients", NAMES)
    assert old.inode != new.inode
    assert len(list(new.changes())) == len(list(old.changes())) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["clients"]


def test_a_file_of_other_clients_is_refused(tmp_path, rows):
    with pytest.raises(RegionError):
        ClientRegionReader.attach(tmp_path / "clients", NAMES)
    ClientRegionWriter(tmp_path / "clients", NAMES, rows)
    for names in (["A"], ["B", "A"]):
        with pytest.raises(RegionError, match=r"(clients|names) is"):
            ClientRegionReader.attach(tmp_path / "clients", names)
    (tmp_path / "clients").write_bytes(b"x" * 20)
    with pytest.raises(RegionError):
        ClientRegionReader.attach(tmp_path / "clients", NAMES)


def _write_alike(path, ready, stop):
    """Rows whose words are all the same."""
    rows = np.zeros((1, L.ROW_WORDS))
    publisher = ClientRegionWriter(path, ["A"], rows)
    ready.set()
    n = 0.0
    while not stop.is_set():
        for _ in range(1_000):
            n += 1.0
            rows[0] = n
            publisher.write(0, rows[0])


def test_no_torn_row_is_read(tmp_path):
    context = mp.get_context("spawn")
    ready, stop = context.Event(), context.Event()
    writer = context.Process(target=_write_alike, args=(tmp_path / "clients", ready, stop), daemon=True)
    writer.start()
    assert ready.wait(60)
    published = ClientRegionReader.attach(tmp_path / "clients", ["A"])
    seen = 0
    while seen < 20_000 and writer.is_alive():
        for _, row in published.changes():
            seen += 1
            assert (row[1:] == row[1]).all()
    stop.set()
    writer.join(20)
    assert seen == 20_000
