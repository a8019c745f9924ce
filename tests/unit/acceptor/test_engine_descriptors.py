"""The numbers of the engine's descriptors."""

import os
import socket
import threading

import pytest

from quotelife.acceptor.quickfix.engine_descriptors import FIRST, LAST, EngineDescriptors


def accepted(descriptors: EngineDescriptors) -> int:
    """What is opened; it is closed at once."""
    with descriptors.occupied() as occupied:
        fd = os.dup(0)
    os.close(fd)
    assert fd == occupied.next
    return fd


def test_numbers_are_above_all_others_and_come_again_after_all_of_the_range():
    descriptors = EngineDescriptors()
    before = os.listdir("/proc/self/fd")
    numbers = [accepted(descriptors) for _ in range(LAST - FIRST + 3)]
    again = numbers.index(numbers[0], 1)  # threads of earlier tests may hold some of the range
    assert again > (LAST - FIRST) / 2 and numbers[0] >= FIRST and numbers[again - 1] <= LAST + 1
    assert numbers[:again] == sorted(set(numbers)) and numbers[again:] == numbers[: len(numbers) - again]
    assert os.listdir("/proc/self/fd") == before


def test_a_number_in_use_is_left_out():
    first, second, third = (accepted(descriptors) for descriptors in [EngineDescriptors()] for _ in range(3))
    descriptors = EngineDescriptors()
    used = os.dup2(0, second)
    try:
        assert [accepted(descriptors) for _ in range(2)] == [first, third]
    finally:
        os.close(used)


def test_the_rest_of_the_process_gets_the_lowest_numbers_again():
    descriptors = EngineDescriptors()
    lowest = os.dup(0)
    os.close(lowest)
    accepted(descriptors)
    again = os.dup(0)
    os.close(again)
    assert again == lowest < FIRST


def test_a_failure_leaves_nothing_open():
    descriptors = EngineDescriptors()
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="no"), descriptors.occupied():
        raise OSError("no")
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("disturbance", ["none", "opened", "closed"])
def test_the_descriptor_of_an_accept_that_waits_is_found(disturbance):
    """Whatever other threads open or close meanwhile."""
    low, path = os.dup(0), "\0quotelife-test-descriptors"
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind(path)
        listener.listen()
        found: list[int] = []
        thread = threading.Thread(target=lambda: found.append(listener.accept()[0].detach()))
        with EngineDescriptors().occupied() as occupied:
            opened = os.dup(0) if disturbance == "opened" else -1
            if disturbance == "closed":
                os.close(low)
                assert occupied.await_accept(0.002) == -1
            thread.start()
            expected = occupied.await_accept(5.0)
        client.connect(path)
        thread.join()
    assert found == [expected] and expected == occupied.next + (disturbance == "opened")
    for fd in (*found, *([opened] if opened >= 0 else []), *([low] if disturbance != "closed" else [])):
        os.close(fd)


def test_without_an_accept_there_is_none():
    with EngineDescriptors().occupied() as occupied:
        assert occupied.await_accept(0.002) == -1
