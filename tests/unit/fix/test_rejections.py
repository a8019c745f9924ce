"""How many rejections a peer is sent."""

from quotelife.fix.rejections import RejectionLimit

S = 1_000_000_000


def test_four_a_second_of_each_kind():
    limit = RejectionLimit()
    assert [limit.allows("j", 3, "", n) for n in range(6)] == [True] * 4 + [False] * 2
    assert limit.allows("3", 3, "", 6) and limit.allows("3", 5, "", 6)
    assert not limit.allows("j", 3, "", S - 1)
    assert limit.allows("j", 3, "", S) and limit.allows("j", 3, "", S + 1)
    assert (limit.sent, limit.withheld) == (8, 3)


def test_total_of_all_kinds_in_an_interval():
    limit = RejectionLimit(2, 60 * S)
    assert [limit.allows("3", reason, "", 0) for reason in range(3)] == [True, True, False]
    assert not limit.allows("j", 3, "", 60 * S - 1)
    assert limit.allows("j", 3, "", 60 * S)


def test_a_total_of_none_allows_none():
    assert not RejectionLimit(0, S).allows("3", 1, "", 5 * S)


def test_each_is_told_of_sent_or_not():
    told = []
    limit = RejectionLimit(1, S, lambda kind, text: told.append((kind, text)))
    limit.allows("3", 5, "X", 0)
    limit.allows("3", 5, "Y", 0)
    assert told == [("3 5", "X"), ("3 5", "Y")]
