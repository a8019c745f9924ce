"""The replay: service features on a grid, and first passages against their definition."""

import numpy as np

from quotelife_models import schema as S
from quotelife_research.calibration.dataset import at_barrier, samples
from quotelife_research.data import replay as R
from quotelife_research.data import sources as Q

SECOND = 1_000_000_000
T0 = 1_000 * SECOND


def session(seed: int, seconds: int = 60, orders: bool = False) -> Q.Session:
    """A random walk of the best bid and offer, as quotes or as moving orders."""
    rng = np.random.default_rng(seed)
    times = T0 + np.sort(rng.choice(seconds * 1000, seconds * 20, replace=False)) * 1_000_000
    times[0] = T0
    bid = 1000 + np.cumsum(rng.integers(-1, 2, len(times)))
    ask = bid + rng.integers(1, 4, len(times))
    events = []
    for i, t in enumerate(times.tolist()):
        sizes = rng.integers(1, 9, 2).tolist()
        if orders:
            events.append([t, Q.ORDER, 1, 0, int(bid[i]), sizes[0]])
            events.append([t, Q.ORDER, 2, 1, int(ask[i]), sizes[1]])
        else:
            events.append([t, Q.QUOTE, int(bid[i]), sizes[0], int(ask[i]), sizes[1]])
        if i % 7 == 3:
            events.append([t + 1, Q.PRINT, int(ask[i]), 5, 0, 0])
    return Q.Session("TEST", "a day", 0.01, 0.0, np.array(events, np.int64))


def naive_bin(s: Q.Session, at_ns: int, side: int, barrier: float, touch: bool) -> int:
    """Bin of the first time the best bid (side 0) has risen, or the best offer (side 1) has fallen, by the barrier; for
    the touch it is the offer that rises, the bid that falls."""
    quotes = s.events[s.events[:, 1] == Q.QUOTE]
    sign = 1 if side == 0 else -1
    column = 2 if (side == 0) != touch else 4
    now = quotes[quotes[:, 0] <= at_ns][-1][column]
    for row in quotes[quotes[:, 0] > at_ns]:
        if sign * (row[column] - now) >= barrier:
            after_ms = (row[0] - at_ns) / 1e6
            return next((k for k, end in enumerate(S.BIN_ENDS_MS) if after_ms <= end), R.NO_PASSAGE)
    return R.NO_PASSAGE


def test_with_changes_half_of_the_rows_follow_an_event() -> None:
    s = session(1)
    plain, grid = R.replay(s, 100.0), R.replay(s, 100.0, with_changes=True)
    np.testing.assert_array_equal(grid.ts_ns[grid.on_grid], plain.ts_ns)
    np.testing.assert_array_equal(grid.x[grid.on_grid], plain.x)
    after = grid.ts_ns[~grid.on_grid]
    assert 0.4 < len(after) / len(grid.ts_ns) < 0.6
    assert np.isin(after, s.events[:, 0]).all()
    assert (grid.x[~grid.on_grid, S.TOP_AGE] == 0).mean() > 0.5 > (plain.x[:, S.TOP_AGE] == 0).mean()


def test_passages_equal_their_definition() -> None:
    s = session(1)
    grid = R.replay(s, 500.0, seed=3)
    assert len(grid.ts_ns) > 60
    assert (grid.barriers[:, R.ONE_TICK] == 1).all()
    np.testing.assert_array_equal(grid.barriers[:, R.PICK_OFF], grid.x[:, S.SPREAD])
    for i in range(0, len(grid.ts_ns), 3):
        for side in range(2):
            for b in range(R.N_BARRIERS):
                expected = naive_bin(s, int(grid.ts_ns[i]), side, grid.barriers[i, b], b == R.TOUCH)
                assert grid.passage[i, side, b] == expected, (i, side, b)
    assert (grid.passage < R.NO_PASSAGE).any() and (grid.passage == R.NO_PASSAGE).any()


def test_features_are_as_of_the_grid_time() -> None:
    s = session(2)
    grid = R.replay(s, 100.0)
    quotes = s.events[s.events[:, 1] == Q.QUOTE]
    for i in range(0, len(grid.ts_ns), 17):
        last = quotes[quotes[:, 0] <= grid.ts_ns[i]][-1]
        x = grid.x[i]
        assert x[S.SPREAD] == last[4] - last[2]
        assert (x[S.BID_DEPTH_1], x[S.ASK_DEPTH_1]) == (last[3], last[5])
        assert x[S.TOP_AGE] >= (grid.ts_ns[i] - last[0]) / 1e6
    assert np.isfinite(grid.x).all()


def test_orders_give_the_same_market_as_quotes() -> None:
    quotes, orders = R.replay(session(4), 100.0), R.replay(session(4, orders=True), 100.0)
    np.testing.assert_array_equal(quotes.ts_ns, orders.ts_ns)
    np.testing.assert_array_equal(quotes.passage, orders.passage)
    same = [S.INDEX[n] for n in S.NAMES if not n.endswith(("add_rate", "cancel_rate"))]
    np.testing.assert_allclose(quotes.x[:, same], orders.x[:, same])


def test_crossed_and_one_sided_times_are_skipped() -> None:
    s = session(5, seconds=40)
    events = s.events.copy()
    crossed = (events[:, 1] == Q.QUOTE) & (events[:, 0] > T0 + 15 * SECOND) & (events[:, 0] < T0 + 20 * SECOND)
    events[crossed, 4] = events[crossed, 2] - 1
    grid = R.replay(Q.Session("TEST", "a day", 0.01, 0.0, events), 100.0)
    inside = (grid.ts_ns > T0 + 16 * SECOND) & (grid.ts_ns < T0 + 19 * SECOND)
    assert not inside.any() and len(grid.ts_ns) > 100


def test_thinned_samples_keep_their_total_weight() -> None:
    grids = [R.replay(session(seed), 100.0) for seed in (6, 7)]
    whole, thin = samples(grids, 10**9), samples(grids, 800)
    n = 6 * sum(len(g.ts_ns) for g in grids)
    assert len(whole) == n and (whole.weight == 1).all()
    assert 400 < len(thin) < 1200
    assert abs(thin.weight.sum() / n - 1) < 0.2
    assert (np.diff(thin.cluster) >= 0).all() and thin.cluster[-1] >= 1
    z, bins = at_barrier(grids[0], R.ONE_TICK)
    assert len(z) == len(bins) == 2 * len(grids[0].ts_ns)
    assert bins[0] == grids[0].passage[0, 0, R.ONE_TICK]
