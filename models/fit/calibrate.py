"""From data to parameter files: pooled fit first, then each instrument drawn towards it, tested on later days."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models import hazard as H
from models.covariates import COVARIATES
from models.fit import sources
from models.fit.dataset import Samples, at_barrier, join, samples
from models.fit.evaluation import evaluate, reliability
from models.fit.replay import ONE_TICK, PICK_OFF, Grid, replay
from models.fit.sources import DataError, Session, Span
from models.fit.training import N_THETA, Fit, Scaling, factor, p_at_ends, select_penalty, train
from models.parameters import POOLED, content_hash
from models.schema import BIN_ENDS_MS, INDEX, SCHEMA_VERSION

Floats = npt.NDArray[np.float64]
Progress = Callable[[str], None]

STEP_MS = 100.0
_GRID_LIMIT = 700_000  # times of one symbol; longer spans get a coarser grid
_ROWS = 300_000  # samples of one instrument
_POOL_ROWS = 30_000  # samples of one instrument in the pooled fit
_SELECT_ROWS = 60_000
_POOL_PENALTY = 30.0
_SAMPLE_SHARE = 0.7  # of the order-by-order sample's time: the demo plays the rest
_REFERENCE_BIN = H.REFERENCE_BIN
_HORIZON_EVERY = 7  # the table of horizons looks at one time and side in so many


@dataclass
class _Instrument:
    symbol: str
    train_span: str
    test_span: str
    tests: list[Session] = field(default_factory=list)
    step_ms: float = STEP_MS
    seen: Samples | None = None
    earlier: Samples | None = None  # for the choice of the penalty: the first part of `seen`, and
    later: Samples | None = None  # the rest
    usual: dict[str, float] = field(default_factory=dict)
    high: dict[str, float] = field(default_factory=dict)


def calibrate(
    data: Path | None,
    train_spans: list[Span],
    test_spans: list[Span],
    out: Path,
    sample: Path | None = None,
    progress: Progress = lambda text: None,
) -> dict[str, Any]:
    """Fit every symbol under `data` that has quotes in the training days, and the order-by-order sample in the folder
    `sample`; write `<SYMBOL>.json`, `POOLED.json` and `report.json` to `out`. Returns the report.

    DataError if nothing is found, or if a test day is not after all training days of its symbol.
    """
    instruments = [_gather(*found, progress) for found in _found(data, train_spans, test_spans)]
    if sample is not None:
        first, last = sources.sample_sessions(sample, _SAMPLE_SHARE)
        instrument = _Instrument(first.symbol, f"first {_SAMPLE_SHARE:.0%} of the sample", "the rest of it", [last])
        instruments.append(_gather(instrument, [first], progress))
    if not instruments:
        raise DataError(f"{data}: no quotes in the training days {', '.join(map(str, train_spans))}")
    out.mkdir(parents=True, exist_ok=True)
    scaling, pooled = _pool(instruments)
    progress(f"{POOLED}: fitted on {len(instruments)} instruments")
    fits = {i.symbol: _fit_instrument(i, scaling, pooled, progress) for i in instruments}
    report: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "horizon_ms": BIN_ENDS_MS[_REFERENCE_BIN],
        "symbols": {},
    }
    for i in instruments:
        unseen = _pool([other for other in instruments if other is not i]) if len(instruments) > 1 else None
        tested = _test(i, fits[i.symbol], scaling, unseen)
        report["symbols"][i.symbol] = tested
        _write(out, i.symbol, fits[i.symbol], scaling, i, tested, factor(fits[i.symbol]))
        progress(f"{i.symbol}: {_summary(tested)}")
    _write(out, POOLED, pooled, scaling, _typical(instruments), {}, _pooled_factor(pooled, fits))
    sources.write_json(out / "report.json", report)
    return report


def _found(
    data: Path | None, train_spans: list[Span], test_spans: list[Span]
) -> list[tuple[_Instrument, list[Session]]]:
    """Symbols with quotes in the training days. Sessions are read lazily where they are only tested."""
    found = []
    for symbol, (folder, correlated) in (sources.symbols_in(data) if data else {}).items():
        days = [[d for span in spans for d in span.days()] for spans in (train_spans, test_spans)]
        seen, unseen = (list(sources.sessions(folder, symbol, correlated, part)) for part in days)
        if not seen:
            continue
        if unseen and unseen[0].day <= seen[-1].day:
            raise DataError(f"{symbol}: the test day {unseen[0].day} is not after the training day {seen[-1].day}")
        first, second = (f"{s[0].day}..{s[-1].day}" if s else "none" for s in (seen, unseen))
        found.append((_Instrument(symbol, first, second, unseen), seen))
    return found


def _gather(instrument: _Instrument, seen: list[Session], progress: Progress) -> _Instrument:
    """Replay the training sessions and keep what the fits need of them."""
    active_ms = sum((s.events[-1, 0] - s.events[0, 0]) / 1e6 for s in seen)
    instrument.step_ms = STEP_MS * max(1, round(active_ms / STEP_MS / _GRID_LIMIT))
    grids = [replay(s, instrument.step_ms, seed) for seed, s in enumerate(seen)]
    if len(grids) == 1:
        grids = _halves(grids[0])
    instrument.seen = samples(grids, _ROWS)
    instrument.earlier, instrument.later = samples(grids[:-1], _SELECT_ROWS), samples(grids[-1:], _SELECT_ROWS)
    x = np.abs(np.concatenate([g.x for g in grids]))
    for name in H.MARKET_FEATURES:
        column = x[:, INDEX[name]]
        instrument.usual[name] = float(np.median(column))
        instrument.high[name] = float(np.quantile(column, H.HIGH_QUANTILE))
    progress(f"{instrument.symbol}: {len(seen)} sessions, {len(x)} times, {len(instrument.seen)} samples")
    return instrument


def _halves(grid: Grid) -> list[Grid]:
    """One session as two: the first two thirds and, after the longest horizon, the rest."""
    cut = len(grid.ts_ns) * 2 // 3
    after = int(np.searchsorted(grid.ts_ns, grid.ts_ns[cut] + BIN_ENDS_MS[-1] * 1_000_000))
    return [
        Grid(grid.ts_ns[part], grid.x[part], grid.barriers[part], grid.passage[part])
        for part in (slice(0, cut), slice(after, None))
    ]


def _pool(instruments: list[_Instrument]) -> tuple[Scaling, Fit]:
    """The fit for an instrument nobody has seen: each instrument weighs the same, intercepts are shared."""
    parts = []
    first_cluster = 0
    for i in instruments:
        assert i.seen is not None
        every = max(1, len(i.seen) // _POOL_ROWS)
        part = Samples(i.seen.z[::every], i.seen.bin[::every], i.seen.weight[::every], i.seen.cluster[::every])
        part = part.scaled(_POOL_ROWS / part.weight.sum())
        parts.append(Samples(part.z, part.bin, part.weight, part.cluster + first_cluster))
        first_cluster += int(part.cluster[-1]) + 1
    pool = join(parts)
    scaling = Scaling.of(pool)
    return scaling, train(pool, scaling, _POOL_PENALTY, np.zeros(N_THETA))


def _fit_instrument(i: _Instrument, scaling: Scaling, pooled: Fit, progress: Progress) -> Fit:
    assert i.seen is not None and i.earlier is not None and i.later is not None
    penalty = select_penalty(i.earlier, i.later, scaling, pooled.theta)
    fitted = train(i.seen, scaling, penalty, pooled.theta)
    progress(f"{i.symbol}: fitted, penalty {penalty:g}")
    return fitted


def _test(i: _Instrument, fit: Fit, scaling: Scaling, unseen: tuple[Scaling, Fit] | None) -> dict[str, Any]:
    """Figures on the test days: one tick at the reference horizon on top, every horizon and the pick-off below."""
    if not i.tests:
        return {"train": i.train_span, "test": i.test_span}
    grids = [replay(s, i.step_ms, seed) for seed, s in enumerate(i.tests)]
    tested: dict[str, Any] = {"train": i.train_span, "test": i.test_span, "penalty": fit.penalty}
    for barrier in (ONE_TICK, PICK_OFF):
        z, bins = (np.concatenate(parts) for parts in zip(*(at_barrier(g, barrier) for g in grids), strict=True))
        p = p_at_ends(fit.theta, scaling.apply(z))
        few = slice(None, None, _HORIZON_EVERY)
        block = {
            **evaluate(p[:, _REFERENCE_BIN], bins <= _REFERENCE_BIN),
            "horizons": {str(ms): evaluate(p[few, k], bins[few] <= k) for k, ms in enumerate(BIN_ENDS_MS)},
            "reliability": reliability(p[:, _REFERENCE_BIN], bins <= _REFERENCE_BIN),
        }
        if unseen is not None:  # fitted on the other instruments alone
            p = p_at_ends(unseen[1].theta, unseen[0].apply(z))
            block["as_new_instrument"] = evaluate(p[:, _REFERENCE_BIN], bins <= _REFERENCE_BIN)
        if barrier == ONE_TICK:
            tested |= block
        else:
            tested["pick_off"] = block
    return tested


def _typical(instruments: list[_Instrument]) -> _Instrument:
    """What is usual for an instrument nobody has seen: the median of the others."""
    typical = _Instrument(POOLED, ", ".join(f"{i.symbol} {i.train_span}" for i in instruments), "none")
    for name in H.MARKET_FEATURES:
        typical.usual[name] = float(np.median([i.usual[name] for i in instruments]))
        typical.high[name] = float(np.median([i.high[name] for i in instruments]))
    return typical


def _pooled_factor(pooled: Fit, fits: dict[str, Fit]) -> Floats:
    """As `factor`, the intercept's variance between instruments added: a new one may lie as far off as the others."""
    between = float(np.mean([(f.alpha[_REFERENCE_BIN] - pooled.alpha[_REFERENCE_BIN]) ** 2 for f in fits.values()]))
    covariance = pooled.covariance.copy()
    covariance[_REFERENCE_BIN, _REFERENCE_BIN] += between
    return factor(Fit(pooled.theta, covariance, pooled.penalty, pooled.log_loss))


def _write(
    out: Path, symbol: str, fit: Fit, scaling: Scaling, i: _Instrument, tested: dict[str, Any], lower: Floats
) -> None:
    document = {
        "symbol": symbol,
        "schema_version": SCHEMA_VERSION,
        "train": i.train_span,
        "test": i.test_span,
        "penalty": fit.penalty,
        "bin_ends_ms": list(BIN_ENDS_MS),
        "covariates": list(COVARIATES),
        "alpha": _short(fit.alpha),
        "beta": _short(fit.beta),
        "gamma": _short(fit.gamma),
        "centre": _short(scaling.centre),
        "scale": _short(scaling.scale),
        "factor": _short(lower.T[np.triu_indices(len(lower))], 4),
        "usual": dict(zip(i.usual, _short(np.array(list(i.usual.values()))), strict=True)),
        "high": dict(zip(i.high, _short(np.array(list(i.high.values()))), strict=True)),
        "tested": {key: value for key, value in tested.items() if isinstance(value, float | int)},
    }
    sources.write_json(out / f"{symbol}.json", document | {"hash": content_hash(document)})


def _short(values: Floats, digits: int = 7) -> list[float]:
    return [float(f"{value:.{digits}g}") for value in values]


def _summary(tested: dict[str, Any]) -> str:
    if "auc" not in tested:
        return "no test days"
    return (
        f"AUC {tested['auc']:.3f}, log loss {tested['log_loss']:.4f} against {tested['log_loss_base']:.4f}, "
        f"calibration slope {tested['calibration_slope']:.2f}, pick-off AUC {tested['pick_off']['auc']:.3f}"
    )
