"""The numbers of the engine's descriptors."""

import os

from quotelife.acceptor.quickfix.engine_descriptors import FIRST, LAST, EngineDescriptors


def accepted(descriptors: EngineDescriptors) -> int:
    """What the engine would get; it closes it at once."""
    with descriptors.next_is_lowest() as expected:
        fd = os.dup(0)
    os.close(fd)
    assert fd == expected
    return fd


def test_numbers_are_above_all_others_and_come_again_after_all_of_the_range():
    descriptors = EngineDescriptors()
    before = os.listdir("/proc/self/fd")
    numbers = [accepted(descriptors) for _ in range(LAST - FIRST + 3)]
    assert numbers == [*range(FIRST, LAST + 1), FIRST, FIRST + 1]
    assert os.listdir("/proc/self/fd") == before


def test_a_number_in_use_is_left_out():
    descriptors = EngineDescriptors()
    used = os.dup2(0, FIRST + 1)
    try:
        assert [accepted(descriptors) for _ in range(3)] == [FIRST, FIRST + 2, FIRST + 3]
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
    try:
        with descriptors.next_is_lowest():
            raise OSError
    except OSError:
        pass
    assert os.listdir("/proc/self/fd") == before
