"""Shared-memory regions: creation, the checks of an attachment, replacement, concurrent creators, missing room."""

import errno
import multiprocessing as mp
import os
import resource

import numpy as np
import pytest

from quotelife.shm.layout import Layout
from quotelife.shm.region import Follower, Format, Region, RegionError

HEADER = Layout()
H_MAGIC = HEADER.int64("magic")
H_LAYOUT_VERSION = HEADER.int64("layout_version")
H_ROWS = HEADER.int64("rows")
H_WRITER_PID = HEADER.int64("writer_pid")
FIRST = HEADER.size()
FORMAT = Format("table", HEADER, {"magic": 77, "layout_version": 2}, lambda header: FIRST + int(header[H_ROWS]))


def create(path, rows=3, value=0, **options) -> Region:
    with Region.create(path, FORMAT, {"rows": rows}, **options) as region:
        region.words[FIRST:] = value
        return region


def attach(path) -> Region:
    return Region.attach(path, FORMAT)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "table"


@pytest.mark.parametrize("options", [{}, {"populate": True}, {"reserve": False}])
def test_a_reader_sees_what_the_writer_writes(path, options):
    writer = create(path, value=5, **options)
    reader = attach(path)
    writer.words[-1] = 6
    assert reader.words.tolist() == [77, 2, 3, os.getpid(), 0, 0, 0, 0, 5, 5, 6]
    assert (reader.inode, reader.path) == (writer.inode, path)


def test_a_read_only_view_cannot_be_written(path):
    create(path)
    reader = Region.attach(path, FORMAT, writable=False)
    with pytest.raises(ValueError, match="read-only"):
        reader.words[0] = 1


@pytest.mark.parametrize(
    ("word", "found"), [(H_MAGIC, "magic is 78, expected 77"), (H_LAYOUT_VERSION, "layout_version is 3")]
)
def test_a_wrong_magic_or_another_version_is_refused(path, word, found):
    create(path).words[word] += 1
    with pytest.raises(RegionError, match=found) as caught:
        attach(path)
    assert caught.value.path == path and str(caught.value).startswith(str(path))


def test_an_unexpected_header_field_is_refused(path):
    create(path)
    assert Region.attach(path, FORMAT, {"rows": 3}).words[H_ROWS] == 3
    with pytest.raises(RegionError, match="rows is 3, expected 4"):
        Region.attach(path, FORMAT, {"rows": 4})


@pytest.mark.parametrize("size", [0, 8, 8 * HEADER.size(1) - 1, 8 * FIRST, 8 * (FIRST + 3) - 1, 8 * (FIRST + 4)])
def test_a_file_of_the_wrong_size_is_refused(path, size):
    create(path)
    os.truncate(path, size)
    with pytest.raises(RegionError, match=f"table: .*{size} bytes"):
        attach(path)


def test_a_missing_file_is_an_error_with_its_cause(path):
    with pytest.raises(RegionError, match="No such file") as caught:
        attach(path)
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_a_file_replaced_while_attached_is_kept_by_its_readers(path):
    create(path, value=1)
    reader = attach(path)
    create(path, value=2)
    assert reader.words[-1] == 1
    assert attach(path).words[-1] == 2 and attach(path).inode != reader.inode


def test_a_file_is_visible_only_when_it_is_complete(path):
    create(path, value=1)
    with Region.create(path, FORMAT, {"rows": 1}) as region:
        region.words[FIRST:] = 2
        assert attach(path).words[-1] == 1
    assert attach(path).words[-1] == 2


def test_a_creator_that_fails_leaves_nothing_behind(path):
    create(path, value=1)
    with pytest.raises(KeyError, match="broken"), Region.create(path, FORMAT, {"rows": 1}):
        raise KeyError("broken")
    assert attach(path).words[-1] == 1
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def create_many(path, start, value):
    start.wait(30)
    for _ in range(200):
        create(path, rows=1 + value, value=value)


def test_concurrent_creators_leave_one_whole_file(path):
    path.parent.mkdir()
    create(path, rows=2, value=1)
    context = mp.get_context("spawn")
    start = context.Event()
    creators = [context.Process(target=create_many, args=(path, start, value)) for value in (1, 2, 3)]
    for creator in creators:
        creator.start()
    start.set()
    while any(creator.is_alive() for creator in creators):
        region = attach(path)
        value = int(region.words[-1])
        assert region.words[H_ROWS] == 1 + value and set(region.words[FIRST:]) == {value}
    for creator in creators:
        creator.join(30)
        assert creator.exitcode == 0
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_missing_space_is_an_error_at_creation(path):
    """A limit on the size of files stands for a full /dev/shm: both refuse the pages when they are reserved."""
    create(path, value=1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(OSError) as caught:
            create(path, rows=1 << 18)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno in (errno.EFBIG, errno.ENOSPC)
    assert attach(path).words[-1] == 1
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_full_file_system_is_an_error_at_creation(path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    create(path, value=1)
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        create(path)
    assert attach(path).words[-1] == 1
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_follower_attaches_each_new_file_once(path):
    follower = Follower(path, attach)
    assert follower.poll() is None
    create(path, value=1)
    first = follower.poll()
    assert first is not None and follower.poll() is first
    create(path, value=2)
    second = follower.poll()
    assert second is not None and second.words[-1] == 2 and follower.poll() is second
    assert first.words[-1] == 1
    path.unlink()
    assert follower.poll() is None


def test_a_follower_reports_a_file_it_cannot_use_and_recovers(path):
    create(path, value=1)
    attached = []

    def count_and_attach(path):
        attached.append(path)
        return attach(path)

    follower = Follower(path, count_and_attach)
    assert follower.poll() is not None
    fresh = path.with_name("fresh")
    fresh.write_bytes(np.zeros(FIRST, np.int64).tobytes())
    os.replace(fresh, path)
    for _ in range(3):
        with pytest.raises(RegionError, match="magic is 0"):
            follower.poll()
    assert len(attached) == 2, "a rejected file is not mapped again at every poll"
    create(path, value=2)
    assert follower.poll().words[-1] == 2
