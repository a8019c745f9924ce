"""The margin that the monitor computes for a slot, against that of one side at a time from the journal's record."""

import msgspec
import numpy as np
import pytest

from quotelife.decision.multileg.kernel import combine
from quotelife.journal import layout as J
from quotelife.journal.record import Record
from quotelife.market.board import layout as L
from quotelife.market.features.evaluate import evaluate
from quotelife_models import hazard as H
from quotelife_models import policy as P
from quotelife_models import schema as S
from quotelife_models.enums import MODELS
from quotelife_models.multileg.decision import leg_memory, prepare_legs, remaining_multileg_margin
from quotelife_models.parameters import Parameters
from quotelife_models.remaining import THROUGH_PRICE, WORK_WORDS, remaining_base, remaining_margin
from quotelife_models.stopping import STAKE_WORDS, fill_stake
from tests.unit.rfq.rfq_rig import Rig


def change_books(rig: Rig, rng: np.random.Generator) -> None:
    """Shift the books of both instruments, and draw new sizes."""
    for row in range(2):
        words, ticks = rig.board.rows[row], int(rng.integers(-3, 4)) * (1 if row == 0 else 25)
        words[L.VERSION] += 2
        for level in range(L.DEPTH):
            words[L.BID_PX + level] += ticks
            words[L.ASK_PX + level] += ticks
            words[L.BID_SZ + level], words[L.ASK_SZ + level] = rng.integers(1, 50, 2)
        words[L.MID2] += 2 * ticks


def observe(rig: Rig, row: int) -> tuple[np.ndarray, np.ndarray]:
    x, snap = np.zeros(S.N_FEATURES), np.zeros(L.SNAP_WORDS, np.int64)
    assert evaluate(rig.board.header, rig.board.venues, rig.board.rows, row, rig.mono_ns, x, snap) == L.STATUS_OK
    return x, snap


def times_ms(rig: Rig, record: Record) -> tuple[float, float]:
    left_ns = record.valid_until_ns - rig.wall_ns
    return (rig.mono_ns - record.mono_ns) / 1e6, left_ns / 1e6


def stakes_of(rig: Rig, record: Record) -> dict[float, tuple[np.ndarray, np.ndarray]]:
    """(policy, stake) by the sign of the side."""
    settings = msgspec.structs.asdict(getattr(rig.config.models, MODELS[record.model]))
    policy, found = P.pack(settings | {"withdrawal": float(rig.config.withdrawal.enabled)}), {}
    for side in record.sides:
        stake = np.zeros(STAKE_WORDS)
        fill_stake(record.model, policy, record.features.copy(), side.context.copy(), stake)
        found[float(side.context[S.SIDE])] = policy, stake
    return found


def instrument_margin(rig: Rig, record: Record) -> float:
    x, snap = observe(rig, record.row)
    micro = (snap[L.SNAP_BID_PX] + snap[L.SNAP_ASK_PX]) / 2 + x[S.MICRO_DEVIATION]
    table_row, margins = rig.handler.quoter.table[record.row], []
    for side, (policy, stake) in stakes_of(rig, record).items():
        price = record.offer_ticks if side > 0 else record.bid_ticks
        barrier = price - snap[L.SNAP_BID_PX] if side > 0 else snap[L.SNAP_ASK_PX] - price
        work, survival = np.zeros(WORK_WORDS), np.zeros(H.N_BINS)
        remaining_base(table_row, x, side, work)
        margins.append(
            remaining_margin(
                table_row, record.model, policy, stake, x, work, float(barrier), side * (price - micro),
                *times_ms(rig, record), survival,
            )
        )  # fmt: skip
    return min(margins)


def alone(table, rows, sides, weights, xs, *of_quote) -> float:
    """The margin of one side, with nothing kept of the legs from another quote or side."""
    places, states, work = leg_memory(len(rows))
    prepare_legs(table, rows, places, xs, states)
    return float(remaining_multileg_margin(table, rows, places, sides, weights, xs, states, *of_quote, work))


def multileg_margin(rig: Rig, record: Record, legs: list[Record]) -> float:
    observed = [observe(rig, leg.row) for leg in legs]
    xs = np.stack([x for x, _ in observed])
    signed = np.array([float(leg.leg_weight) for leg in legs])
    sides, weights, units = np.sign(signed), np.abs(signed), np.array([float(leg.leg_unit_lots) for leg in legs])
    x = np.zeros(S.N_FEATURES)
    combine(xs, sides, weights, units, x)
    bids = np.array([snap[L.SNAP_BID_PX] for _, snap in observed])
    asks = np.array([snap[L.SNAP_ASK_PX] for _, snap in observed])
    net_bid = float(np.sum(signed * np.where(sides > 0, bids, asks)))
    net_ask = float(np.sum(signed * np.where(sides > 0, asks, bids)))
    micro = (net_bid + net_ask) / 2 + x[S.MICRO_DEVIATION]
    rows, margins = np.array([leg.row for leg in legs]), []
    for side, (policy, stake) in stakes_of(rig, record).items():
        price = record.offer_ticks if side > 0 else record.bid_ticks
        barrier = price - net_bid if side > 0 else net_ask - price
        margins.append(
            alone(
                rig.handler.quoter.table, rows, side * sides, weights, xs, record.model, policy, stake, x, barrier,
                side * (price - micro), *times_ms(rig, record),
            )
        )  # fmt: skip
    return min(margins)


REQUESTS = [
    f"{what}20001={model.upper()}"
    for what in (
        "55=BTC-USD|54=1|38=1.5|", "55=BTC-USD|54=2|38=1.5|", "55=BTC-USD|38=1.5|", "55=ETH-USD|38=7|",
        "55=CAL|54=1|38=1|555=2|600=BTC-USD|623=1|624=1|600=ETH-USD|623=2|624=2|",
        "55=CAL|38=1|555=2|600=BTC-USD|623=2|624=2|600=ETH-USD|623=1|624=1|",
    )
    for model in MODELS
]  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_monitor_has_the_margin_of_the_worse_side_of_each_quote(tmp_path, seed):
    rig, rng = Rig(tmp_path), np.random.default_rng(seed)
    quoted = [rig.ask(f"r{n}", request, "FUND") for n, request in enumerate(REQUESTS)]
    records = list(rig.reader.read())
    by_id = {record.quote_id: record for record in records if record.kind == J.KIND_QUOTE}
    given = [(quote, by_id[quote["117"]]) for quote in quoted if quote["35"] == "S"]
    assert len(given) >= 12
    seen = []
    for _ in range(12):
        change_books(rig, rng)
        rig.sleep(float(rng.choice([1.0, 7.0, 40.0])))
        for quote, record in given:
            if record.valid_until_ns <= rig.wall_ns:
                continue
            margin = rig.margin(quote["117"])
            legs = [r for r in records if r.kind == J.KIND_LEG and r.quote_id == quote["117"]]
            naive = multileg_margin(rig, record, legs) if legs else instrument_margin(rig, record)
            assert margin == pytest.approx(naive, rel=1e-9, abs=1e-9), (quote, legs)
            seen.append(margin)
    assert min(seen) == THROUGH_PRICE and max(seen) > 0.0 and len({round(m, 12) for m in seen}) > 30


def test_margin_of_one_leg_is_that_of_the_instrument():
    rng = np.random.default_rng(5)
    table = Parameters.load(None).table
    for _ in range(200):
        x = np.abs(rng.normal(size=S.N_FEATURES)) * rng.choice([0.1, 1.0])
        x[S.SPREAD] = rng.integers(1, 9)
        model, side, barrier = int(rng.integers(0, 3)), float(rng.choice([-1.0, 1.0])), float(rng.integers(0, 20))
        policy = P.pack({"confidence": rng.uniform(0.5, 0.99), "news_log_odds": 1.0})
        stake = np.abs(rng.normal(size=STAKE_WORDS)) * 0.2
        row, work, survival = int(rng.integers(len(table))), np.zeros(WORK_WORDS), np.zeros(H.N_BINS)
        stake[[2, 3]] = 5.0, 0.8
        edge, elapsed, left = rng.normal(), rng.uniform(0, 900), rng.uniform(1, 5000)
        remaining_base(table[row], x, side, work)
        one = remaining_margin(table[row], model, policy, stake, x, work, barrier, edge, elapsed, left, survival)
        packed = alone(
            table, np.array([row]), np.array([side]), np.ones(1), x[None].copy(), model, policy, stake, x, barrier,
            edge, elapsed, left,
        )  # fmt: skip
        assert packed == pytest.approx(one, rel=1e-9, abs=1e-12)
