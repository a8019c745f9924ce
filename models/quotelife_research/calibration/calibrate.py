"""Calibration: from market data to parameter files.

A pooled fit comes first; then each instrument is fitted with the pooled fit as prior and tested on later days. The
penalty, the shrinkage of the slopes and the use of trees are chosen on walk-forward folds of the training days. The
test days are used once, by `quotelife_research.calibration.testing`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote as percent_encoded

import numpy as np
import numpy.typing as npt
from msgspec import to_builtins

from quotelife.report.provenance import DataFile, data_file, provenance
from quotelife_models import hazard as H
from quotelife_models.covariates import COVARIATES
from quotelife_models.parameters import POOLED, content_hash, to_row
from quotelife_models.schema import BIN_ENDS_MS, INDEX, SCHEMA_VERSION
from quotelife_research.calibration import challenger, page
from quotelife_research.calibration.dataset import Samples, join_clusters, samples
from quotelife_research.calibration.folds import folds
from quotelife_research.calibration.lifetimes import lifetimes_by_volatility
from quotelife_research.calibration.recalibration import rescaled_fit, walk_forward
from quotelife_research.calibration.testing import FittedHazard, evaluate_fit
from quotelife_research.calibration.training import (
    N_THETA,
    Fit,
    Scaling,
    high_error,
    predictors,
    select_penalty,
    train,
)
from quotelife_research.data import files, sources
from quotelife_research.data.files import DataError
from quotelife_research.data.replay import replay
from quotelife_research.data.session import Session
from quotelife_research.data.sources import Span

Floats = npt.NDArray[np.float64]
Progress = Callable[[str], None]

STEP_MS = 100.0
_GRID_LIMIT = 700_000  # grid times of one symbol; longer spans get a coarser grid
_FEWEST_S = 120  # usable time of one symbol: three folds with 10 s purged between them need it
_ROWS = 300_000  # samples of one instrument
_POOL_ROWS = 30_000  # samples of one instrument in the pooled fit
_FOLD_ROWS = 60_000  # earlier samples of a fold, and later ones
_TREE_ROWS = 120_000  # samples for growing the trees
_POOL_PENALTY = 30.0
_SAMPLE_SHARE = 0.7  # of the order-by-order sample's time: the demo replays the rest
_REFERENCE_BIN = H.REFERENCE_BIN
_REGIME_QUANTILES = (0.05, 0.95)  # beyond them are quiet hours and openings: rare, and no habit of the instrument
_ANY_REGIME = (0.0, 1e9)


@dataclass
class _Instrument:
    symbol: str
    train_span: str
    test_span: str
    tests: list[Session] = field(default_factory=list)
    step_ms: float = STEP_MS
    seen: Samples | None = None
    folds: list[tuple[Samples, Samples]] = field(default_factory=list)  # earlier and later part of `seen`
    usual: dict[str, float] = field(default_factory=dict)
    high: dict[str, float] = field(default_factory=dict)
    regime: dict[str, tuple[float, float]] = field(default_factory=dict)  # range of `hazard.REGIME_FEATURES`


def calibrate(
    data: Path | None,
    train_spans: list[Span],
    test_spans: list[Span],
    out: Path,
    sample: Path | None = None,
    progress: Progress = lambda text: None,
) -> dict[str, Any]:
    """Fit every symbol under `data` with quotes in the training days, and the order-by-order sample in the folder
    `sample`. Writes `<SYMBOL>.json`, `POOLED.json` and `report.json` to `out`; returns the report.

    DataError if no data is found, or if a test day is not after all training days of its symbol.
    """
    instruments = [i for found in _found(data, train_spans, test_spans) if (i := _gather(*found, progress))]
    if sample is not None:
        first, last = sources.sample_sessions(sample, _SAMPLE_SHARE)
        instrument = _Instrument(
            first.symbol, f"first {_SAMPLE_SHARE:.0%} of the sample", "the rest of the sample", [last]
        )
        instruments += [i for i in [_gather(instrument, [first], progress)] if i]
    if not instruments:
        days = ", ".join(map(str, train_spans))
        raise DataError(f"{data}: no symbol with a usable book for {_FEWEST_S} s in the training days {days}")
    out.mkdir(parents=True, exist_ok=True)
    scaling, pooled = _pool(instruments)
    progress(f"{POOLED}: fitted on {len(instruments)} instruments")
    fits = {i.symbol: _fit_instrument(i, scaling, pooled, progress) for i in instruments}
    origin = provenance(_read(data, [*train_spans, *test_spans], sample))
    report: dict[str, Any] = {
        "provenance": to_builtins(origin),
        "schema_version": SCHEMA_VERSION,
        "horizon_ms": BIN_ENDS_MS[_REFERENCE_BIN],
        "symbols": {},
    }
    error = _pooled_error(pooled, [fitted.fit for fitted in fits.values()])
    for_new = _document(POOLED, FittedHazard(pooled, scaling, error=error), _typical(instruments))
    for i in instruments:
        progress(f"{i.symbol}: testing on {len(i.tests)} sessions")
        unseen = _pool([other for other in instruments if other is not i]) if len(instruments) > 1 else None
        document = _document(i.symbol, fits[i.symbol], i)
        tested = _test(i, fits[i.symbol], unseen, to_row(document, for_new))
        report["symbols"][i.symbol] = tested
        _write(out, document, tested)
        progress(f"{i.symbol}: {_summary(tested)}")
    _write(out, for_new, {})
    sources.write_json(out / "report.json", report)
    (out / "report.html").write_text(page.render(report), encoding="utf-8")
    return report


def _read(data: Path | None, spans: list[Span], sample: Path | None) -> list[DataFile]:
    """The files that were read."""
    known = files.symbols_in(data).values() if data else ()
    read = {file for source in known for file in sources.data_files(source, spans)}
    if sample is not None:
        read |= {data_file(path) for path in sample.iterdir() if path.is_file()}
    return sorted(read, key=lambda file: file.name)


def _found(
    data: Path | None, train_spans: list[Span], test_spans: list[Span]
) -> list[tuple[_Instrument, list[Session]]]:
    """The symbols with quotes in the training days, with their training sessions."""
    found = []
    known = files.symbols_in(data) if data else {}
    if data:
        for option, spans in (("--train", train_spans), ("--test", test_spans)):
            sources.check_spans(data, known.values(), option, spans)
    for symbol, source in known.items():
        seen, unseen = (list(sources.sessions(source, spans)) for spans in (train_spans, test_spans))
        if not seen:
            continue
        if unseen and unseen[0].events[0, 0] <= seen[-1].events[-1, 0]:
            raise DataError(f"{symbol}: test day {unseen[0].day} is not after training day {seen[-1].day}")
        first, second = (_extent(spans, part) for spans, part in ((train_spans, seen), (test_spans, unseen)))
        found.append((_Instrument(symbol, first, second, unseen), seen))
    if found and test_spans and not any(instrument.tests for instrument, _ in found):
        raise DataError(f"{data}: no usable quotes in the test days {', '.join(map(str, test_spans))}")
    return found


def _extent(spans: list[Span], found: list[Session]) -> str:
    """The span of the sessions in the format of the options, with times if it has any."""
    if not found:
        return "none"
    first, last = int(found[0].events[0, 0]), int(found[-1].events[-1, 0])
    inside = [str(s) for s in spans if s.first_ns <= first and last < s.end_ns and "T" in str(s)]
    return inside[0] if inside else f"{found[0].day}..{found[-1].day}"


def _gather(instrument: _Instrument, seen: list[Session], progress: Progress) -> _Instrument | None:
    """Replay the training sessions and store the samples for the fits; None, with a message, if they are too short."""
    instrument.step_ms = step_ms(seen)
    grids = [
        g
        for g in (replay(s, instrument.step_ms, seed, with_changes=True) for seed, s in enumerate(seen))
        if len(g.ts_ns)
    ]
    usable_s = sum(int(g.on_grid.sum()) for g in grids) * instrument.step_ms / 1000
    if usable_s < _FEWEST_S or any(len(g.ts_ns) == 0 for f in folds(grids) for g in (*f.earlier, *f.later)):
        progress(f"{instrument.symbol}: left out, a usable book for {usable_s:.0f} s; needed: {_FEWEST_S} s")
        return None
    instrument.seen = samples(grids, _ROWS)
    instrument.folds = [(samples(f.earlier, _FOLD_ROWS), samples(f.later, _FOLD_ROWS)) for f in folds(grids)]
    x = np.abs(np.concatenate([g.x[g.on_grid] for g in grids]))
    for name in H.MARKET_FEATURES:
        column = x[:, INDEX[name]]
        instrument.usual[name] = float(np.median(column))
        instrument.high[name] = float(np.quantile(column, H.HIGH_QUANTILE))
    for name in H.REGIME_FEATURES:
        low, high = np.quantile(x[:, INDEX[name]], _REGIME_QUANTILES)
        instrument.regime[name] = float(low), float(high)
    progress(f"{instrument.symbol}: {len(seen)} sessions, {len(x)} times, {len(instrument.seen)} samples")
    return instrument


def step_ms(sessions: list[Session]) -> float:
    """The distance of the grid times: STEP_MS, or more where sessions are so long that memory would not suffice."""
    active_ms = sum((s.events[-1, 0] - s.events[0, 0]) / 1e6 for s in sessions)
    return STEP_MS * max(1, round(active_ms / STEP_MS / _GRID_LIMIT))


def _pool(instruments: list[_Instrument]) -> tuple[Scaling, Fit]:
    """The fit for an unknown instrument: all instruments have equal weight and share the intercepts."""
    parts = []
    for i in instruments:
        assert i.seen is not None
        every = max(1, len(i.seen) // _POOL_ROWS)
        part = i.seen.every(every)
        parts.append(part.scaled(_POOL_ROWS / part.weight.sum()))
    pool = join_clusters(parts)
    scaling = Scaling.of(pool)
    return scaling, train(pool, scaling, _POOL_PENALTY, np.zeros(N_THETA))


def _fit_instrument(i: _Instrument, scaling: Scaling, pooled: Fit, progress: Progress) -> FittedHazard:
    assert i.seen is not None
    penalty, thetas = select_penalty(i.folds, scaling, pooled.theta)
    later = [part for _, part in i.folds]
    etas = [predictors(theta, scaling.apply(part.z)) for theta, part in zip(thetas, later, strict=True)]
    later_days = walk_forward(np.concatenate(etas), join_clusters(later))
    fit = train(i.seen, scaling, penalty, pooled.theta)
    error = math.hypot(high_error(fit, scaling.apply(i.seen.z)), later_days.level)
    if later_days.factor != 1.0:
        fit = rescaled_fit(fit, later_days.factor, scaling.apply(i.seen.z), i.seen)
    comparison = _compare_challenger(i.folds, thetas, etas, scaling)
    trees = []
    if comparison.won:
        some = i.seen.every(max(1, len(i.seen) // _TREE_ROWS))
        z = scaling.apply(some.z)
        trees = challenger.grow_trees(z, predictors(fit.theta, z), some)
    progress(
        f"{i.symbol}: fitted, penalty {penalty:g}, slope on {later_days.days} later days {later_days.slope:.2f}, "
        f"applied {later_days.factor:.3f}, level differs by {later_days.level:.2f}, trees gain "
        f"{comparison.gain:+.5f} ± {comparison.error:.5f} per row{', used' if trees else ''}"
    )
    return FittedHazard(fit, scaling, trees, comparison, later_days, error, pooled.theta, i.regime["spread"])


def _compare_challenger(
    parts: list[tuple[Samples, Samples]], thetas: list[Floats], etas: list[Floats], scaling: Scaling
) -> challenger.ChallengerComparison:
    alone, with_trees = [], []
    for (earlier, later), theta, eta in zip(parts, thetas, etas, strict=True):
        z = scaling.apply(earlier.z)
        trees = challenger.grow_trees(z, predictors(theta, z), earlier)
        alone.append(challenger.losses(eta, later))
        shifted = eta + challenger.shifts(trees, scaling.apply(later.z))[:, None]
        with_trees.append(challenger.losses(shifted, later))
    return challenger.compare(alone, with_trees, [later for _, later in parts])


def _test(i: _Instrument, fitted: FittedHazard, unseen: tuple[Scaling, Fit] | None, row: Floats) -> dict[str, Any]:
    """Results on the test days, of the instrument's own fit, its table row, and of the pooled fit of the others."""
    spans: dict[str, Any] = {"train": i.train_span, "test": i.test_span}
    chosen = {"penalty": fitted.fit.penalty} | fitted.choices()
    if not i.tests:
        return spans | chosen
    grids = [g for g in (replay(s, i.step_ms, seed) for seed, s in enumerate(i.tests)) if len(g.ts_ns)]
    if not grids:
        return spans | chosen
    chosen["lifetimes_by_volatility"] = lifetimes_by_volatility(row, grids)
    return spans | chosen | evaluate_fit(grids, fitted, FittedHazard(unseen[1], unseen[0]) if unseen else None)


def _typical(instruments: list[_Instrument]) -> _Instrument:
    """The usual feature values of an unknown instrument: the median over the instruments."""
    typical = _Instrument(POOLED, ", ".join(f"{i.symbol} {i.train_span}" for i in instruments), "none")
    for name in H.MARKET_FEATURES:
        typical.usual[name] = float(np.median([i.usual[name] for i in instruments]))
        typical.high[name] = float(np.median([i.high[name] for i in instruments]))
    typical.regime = dict.fromkeys(H.REGIME_FEATURES, _ANY_REGIME)
    return typical


def _pooled_error(pooled: Fit, fits: list[Fit]) -> float:
    """Error of the pooled log-odds for a new instrument: its level may differ as much as those of the fits."""
    levels = [fit.alpha[_REFERENCE_BIN] - pooled.alpha[_REFERENCE_BIN] for fit in fits]
    return float(np.sqrt(np.mean(np.square(levels))))


def _document(symbol: str, fitted: FittedHazard, i: _Instrument) -> dict[str, Any]:
    """The content of a parameter file, without the figures of the test and the hash."""
    fit, scaling = fitted.fit, fitted.scaling
    return {
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
        "error": _short(np.array([fitted.error]))[0],
        "regime": {name: _short(np.array(ends)) for name, ends in i.regime.items()},
        "usual": dict(zip(i.usual, _short(np.array(list(i.usual.values()))), strict=True)),
        "high": dict(zip(i.high, _short(np.array(list(i.high.values()))), strict=True)),
        "trees": fitted.trees,
    }


def _write(out: Path, document: dict[str, Any], tested: dict[str, Any]) -> None:
    document["tested"] = {key: value for key, value in tested.items() if isinstance(value, float | int)}
    name = percent_encoded(document["symbol"], safe="")  # EUR/USD is a symbol
    sources.write_json(out / f"{name}.json", document | {"hash": content_hash(document)})


def _short(values: Floats, digits: int = 7) -> list[float]:
    return [float(f"{value:.{digits}g}") for value in values]


def _summary(tested: dict[str, Any]) -> str:
    if "auc" not in tested:
        return "no test days"
    return (
        f"AUC {tested['auc']:.3f}, log loss {tested['log_loss']:.4f} (base rate only {tested['log_loss_base']:.4f}), "
        f"calibration slope {tested['calibration_slope']:.2f}, AUC through {tested['through']['auc']:.3f}, "
        f"pick-off {tested['pick_off']['auc']:.3f}"
    )
