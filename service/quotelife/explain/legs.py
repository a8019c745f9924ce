"""The legs of a multileg as decided, and the risk that one of them alone moves the net price."""

import math
from decimal import Decimal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quotelife.config import Instrument
from quotelife.explain.attribution import LogOdds, log_odds
from quotelife.journal.record import Record
from quotelife.market.grid import Grid
from quotelife_models import hazard as H
from quotelife_models import schema as S
from quotelife_models.covariates import N_COVARIATES, THROUGH, fill_base


class ExplainedLeg(Struct, frozen=True):
    """The n-th leg, `number` counted from 0; `weight` is negative if it is sold."""

    number: int
    symbol: str
    instrument: Instrument
    record: Record
    ratio: int
    weight: int


class ExplainedLegs:
    """The legs of one multileg; ValueError if one is no longer configured."""

    def __init__(self, records: list[Record], instruments: list[Instrument]) -> None:
        self.legs = []
        for number, record in enumerate(records):
            row = record.row
            if not 0 <= row < len(instruments):
                raise ValueError(f"no instrument in row {row}")
            self.legs.append(
                ExplainedLeg(
                    number, instruments[row].symbol, instruments[row], record, record.leg_ratio, record.leg_weight
                )
            )
        self.name = records[0].request_id
        self.sides = np.array([1.0 if leg.weight > 0 else -1.0 for leg in self.legs])
        self.weights = np.array([float(abs(leg.weight)) for leg in self.legs])
        self.xs = np.stack([leg.record.features for leg in self.legs])
        first = self.legs[0]
        unit_lots = first.record.leg_unit_lots
        self.prices = _grid(Decimal(first.instrument.tick) * first.ratio / abs(first.weight))
        self.sizes = _grid(Decimal(first.instrument.lot) * unit_lots / first.ratio)


def _grid(step: Decimal) -> Grid:
    return Grid(format(step, "f"))


def leg_barrier(leg: ExplainedLeg, net_ticks: float) -> float:
    """Ticks by which a leg must move to move the net price this far while the others stand still."""
    return float(max(math.ceil(net_ticks / abs(leg.weight) - 1e-9), 1))


def leg_risk(
    leg: ExplainedLeg, row: NDArray[np.float64], policy: NDArray[np.float64], towards: float, net_ticks: float,
    within_ms: float,
) -> tuple[LogOdds, float]:  # fmt: skip
    """The log-odds that a leg moves the net price this far against one side of a multileg (`towards` +1 offer, -1 bid)
    while the others stand still, and the probability of that within a time."""
    side, barrier = towards * math.copysign(1.0, leg.weight), leg_barrier(leg, net_ticks)
    x = leg.record.features.copy()
    odds = log_odds(row, policy, x, side, barrier)
    raw, z, survival = np.zeros(N_COVARIATES), np.zeros(N_COVARIATES), np.empty(S.N_BINS)
    mixture = np.empty(H.N_PARAMETERS)
    row = mixture if H.mixed(row, x, mixture) else row
    fill_base(x, side, raw)
    level, tilt = H.base_predictor(row, raw, z)
    H.barrier_curve(row, raw, level + odds.news, tilt, barrier, float(THROUGH), z, survival)
    return odds, float(H.p_at(survival, within_ms))
