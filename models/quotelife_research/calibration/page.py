"""The report of a calibration or an evaluation as an HTML page."""

import math
from typing import Any

from msgspec import convert

from quotelife.report.charts import Axis, Chart, Emphasis, Measured, Series, bars, ends, intervals, lines, number
from quotelife.report.page import Column, Page
from quotelife.report.provenance import Provenance
from quotelife_models.enums import MODELS
from quotelife_models.schema import BIN_ENDS_MS

EVENTS = {"touch": None, "through": "through", "pick-off": "pick_off"}  # name -> key; the touch is at the top level
_VOLATILITIES = ("lowest volatility", "middle volatility", "highest volatility")
_Z95 = 1.96
_HEAD = (
    *(
        Column("symbol"),
        Column("event"),
        Column("log loss saved", "% of the base rate's"),
        Column("95 % interval", "%"),
    ),
    *(Column("AUC"), Column("log loss", "nats"), Column("base rate alone", "nats"), Column("Brier skill", "%")),
    *(Column("slope", "best 1"), Column("intercept", "best 0"), Column("base rate", "%"), Column("rows")),
)


def render(report: dict[str, Any], title: str = "Calibration") -> str:
    """The page of a `report.json` of calibrate or evaluate, without symbols that were not tested."""
    tested = {symbol: s for symbol, s in report["symbols"].items() if "auc" in s}
    page = Page(title, convert(report["provenance"], Provenance))
    for symbol, s in tested.items():
        page.text(_answer(symbol, s), "lead")
    page.text(
        "Probability that the market moves against a quote within 500 ms, on the test days. Touch: the best price of "
        "the quote's own side moves away by a tick. Through: the other side's best price moves a tick towards the "
        "quote. Pick-off: it reaches the quote. Log loss saved: how much better than always stating the base rate of "
        "the test days; above 0 the parameters know something."
    )
    page.charts(_saved(tested))
    page.table(_HEAD, [row for symbol, s in tested.items() for row in _rows(symbol, s)], every="all symbols and events")
    for symbol, s in tested.items():
        page.heading(symbol)
        page.text(_origin(s))
        curves = [_curves(event, block(s, key)) for event, key in EVENTS.items() if event != "through"]
        page.charts(_reliability(s), *curves, _lifetimes(s["lifetimes_by_volatility"]))
        page.charts(_features(s), _slopes(s))
    return page.html()


def block(tested: dict[str, Any], key: str | None) -> dict[str, Any]:
    """The figures of one event."""
    found: dict[str, Any] = tested if key is None else tested[key]
    return found


def worse_than_base(tested: dict[str, Any]) -> list[str]:
    """The events that are predicted worse than by their base rate alone."""
    blocks = {event: block(tested, key) for event, key in EVENTS.items()}
    return [event for event, part in blocks.items() if part["log_loss"] > part["log_loss_base"]]


def _answer(symbol: str, s: dict[str, Any]) -> str:
    saved = s["log_loss_saved"]
    worse = worse_than_base(s)
    text = (
        f"{symbol}: the parameters lower the log loss of the touch by {saved['share']:.1%} "
        f"(95 %: {ends(saved['low'], saved['high'], 3, True)}); AUC {s['auc']:.3f}."
    )
    return f"{text} Worse than the base rate alone: {', '.join(worse)}." if worse else text


def _saved(tested: dict[str, Any]) -> Chart:
    rows = []
    for symbol, s in tested.items():
        for event, key in EVENTS.items():
            part = block(s, key)
            saved = part["log_loss_saved"]
            hover = (
                f"log loss {part['log_loss']:.4f}, base rate alone {part['log_loss_base']:.4f}, AUC {part['auc']:.3f}"
            )
            emphasis: Emphasis = "answer" if event == "touch" else "plain"
            rows.append(Measured(f"{symbol}, {event}", saved["share"], saved["low"], saved["high"], hover, emphasis))
    note = "Intervals: bootstrap of five-minute blocks, because neighbouring rows share a market."
    axis = Axis("log loss saved against the base rate, %", percent=True)
    return intervals("Log loss saved within 500 ms", axis, rows, note, digits=3, wide=True)


def _rows(symbol: str, s: dict[str, Any]) -> list[list[str]]:
    rows = []
    for event, key in EVENTS.items():
        part = block(s, key)
        saved = part["log_loss_saved"]
        rows.append(
            [
                *(symbol, event, number(saved["share"], 3, True), ends(saved["low"], saved["high"], 3, True)),
                *(f"{part['auc']:.3f}", f"{part['log_loss']:.4f}", f"{part['log_loss_base']:.4f}"),
                *(_known(part["brier_skill"], 3, True), _known(part["calibration_slope"], 2)),
                *(_known(part["calibration_intercept"], 2), f"{part['base_rate']:.2%}", str(part["n"])),
            ]
        )
    return rows


def _known(value: float | None, digits: int, percent: bool = False) -> str:
    return number(None if value is None or math.isnan(value) else value, digits, percent)


def _reliability(s: dict[str, Any]) -> Chart:
    series = []
    for event, key in EVENTS.items():
        bins = [b for b in block(s, key)["reliability"] if b["p"] > 0 and b["rate"] > 0]
        half = [_Z95 * math.sqrt(b["rate"] * (1 - b["rate"]) / b["n"]) for b in bins]
        rates = [b["rate"] for b in bins]
        low = [max(rate - h, rate / 10) for rate, h in zip(rates, half, strict=True)]
        high = [rate + h for rate, h in zip(rates, half, strict=True)]
        series.append(Series(event, [b["p"] for b in bins], rates, low, high))
    return lines(
        "Reliability at 500 ms",
        Axis("predicted probability", log=True),
        Axis("observed rate", log=True),
        series,
        "Tenths of the rows by prediction. Intervals as if rows were independent: the true ones are wider.",
        diagonal=True,
    )


def _curves(event: str, part: dict[str, Any]) -> Chart:
    series = []
    for style, (name, third) in enumerate(zip(_VOLATILITIES, part["by_volatility"], strict=False)):
        series.append(Series(name, BIN_ENDS_MS, third["p"], markers=False, style=style))
        observed = [(ms, rate) for ms, rate in zip(BIN_ENDS_MS, third["rate"], strict=True) if rate > 0]
        x, y = [ms for ms, _ in observed], [rate for _, rate in observed]
        series.append(Series(f"{name}, observed", x, y, line=False, style=style))
    return lines(
        f"Probability of the {event} by volatility",
        Axis("time T since the quote, ms", log=True, ticks=BIN_ENDS_MS),
        Axis("probability until T", log=True),
        series,
        "Lines: predicted; markers: observed.",
    )


def _lifetimes(fifths: list[dict[str, float]]) -> Chart:
    x = [fifth["volatility"] for fifth in fifths]
    series = [Series(m.replace("_", " ").title(), x, [fifth[m] for fifth in fifths]) for m in MODELS]
    return lines(
        "Median lifetime for an ordinary client",
        Axis("volatility over 10 s, ticks: mean of each fifth"),
        Axis("lifetime, ms", zero=True),
        series,
    )


def _features(s: dict[str, Any]) -> Chart | None:
    rows = [Measured(name.replace("_", " "), value) for name, value in s["features_add"].items()]
    note = "The feature's values are exchanged among the rows: what the prediction loses without it."
    return bars("What each feature adds", Axis("increase of the log loss, nats"), rows, note, digits=5)


def _slopes(s: dict[str, Any]) -> Chart | None:
    found = sorted(s.get("coefficients", {}).items(), key=lambda item: -abs(item[1][0]))
    if not found:
        return None
    rows = [
        Measured(name.replace("_", " "), slope, slope - _Z95 * error, slope + _Z95 * error)
        for name, (slope, error) in found
    ]
    axis = Axis("log-odds per standard deviation")
    return bars("Slopes with 95 % intervals", axis, rows, "Of the fit at 500 ms; negative ones are hatched.", digits=3)


def _origin(s: dict[str, Any]) -> str:
    """Where the parameters come from, and how they were chosen if they are new."""
    spans = f"Trained on {s['train']}, tested on {s['test']}."
    if "parameters" in s:
        return f"Parameters of {s['parameters']}. {spans}{' ' + s['warning'] if s['warning'] else ''}"
    trees, b = s.get("trees", {}), s.get("walk_forward_slope", {})
    return (
        f"{spans} Chosen on walk-forward folds of the training days: penalty {s['penalty']:g}; slope of their "
        f"predictions on {b.get('days', 0)} later days {b.get('slope', 1):.3f}, applied {b.get('applied', 1):.3f}; "
        f"trees lower the loss by {trees.get('share_of_loss', 0):+.2%} and are "
        f"{'used' if trees.get('taken') else 'not used'}."
    )
