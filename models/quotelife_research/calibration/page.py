"""The report of a calibration as an HTML page."""

from typing import Any

from quotelife_models.enums import MODELS
from quotelife_models.schema import BIN_ENDS_MS
from quotelife_research.calibration.charts import Series, bars, figure, page, table

_NAMES = ("lowest volatility", "middle volatility", "highest volatility")


def render(report: dict[str, Any], title: str = "Calibration") -> str:
    """The page of a `report.json` of calibrate or evaluate, without symbols that were not tested."""
    tested = {symbol: s for symbol, s in report["symbols"].items() if "auc" in s}
    body = (
        "<p>Probability that the market moves against a quote within 500 ms, on the test days. "
        "<b>Touch</b>: the best price of the quote's own side moves away by a tick. <b>Through</b>: the other side's "
        "best price moves a tick towards the quote. <b>Pick-off</b>: it reaches the quote.</p>"
    )
    return page(title, body + _summary(tested) + "".join(_symbol(name, s) for name, s in tested.items()))


def _summary(tested: dict[str, Any]) -> str:
    head = ("", "event", "n", "base rate", "AUC", "log loss", "base rate only", "Brier skill", "slope", "intercept")
    rows = []
    for symbol, s in tested.items():
        for event, block in (("touch", s), ("through", s["through"]), ("pick-off", s["pick_off"])):
            figures = [f"{block[k]:.4f}" for k in ("base_rate", "auc", "log_loss", "log_loss_base", "brier_skill")]
            calibrated = [_number(block[k]) for k in ("calibration_slope", "calibration_intercept")]
            rows.append([symbol, event, str(block["n"]), *figures, *calibrated])
    return table(head, rows)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _symbol(symbol: str, s: dict[str, Any]) -> str:
    events = (("touch", s), ("through", s["through"]), ("pick-off", s["pick_off"]))
    reliable = [
        Series(event, [(b["p"], b["rate"]) for b in block["reliability"]], dots=True) for event, block in events
    ]
    charts = [figure("Reliability at 500 ms", reliable, "predicted", "observed", log=True, diagonal=True)]
    for event, block in (events[0], events[2]):
        curves = []
        for i, (name, third) in enumerate(zip(_NAMES, block["by_volatility"], strict=False)):
            curve, seen = (list(zip(BIN_ENDS_MS, third[key], strict=True)) for key in ("p", "rate"))
            curves.append(Series(name, curve, colour=i))
            curves.append(Series("", seen, line=False, dots=True, colour=i))
        charts.append(
            figure(f"p(T) of the {event} by volatility (dots: observed)", curves, "T, ms", "probability", log=True)
        )
    added = [(name, value, 0.0) for name, value in s["features_add"].items()]
    charts.append(bars("Increase in log loss when shuffled", added))
    slopes = sorted(s.get("coefficients", {}).items(), key=lambda item: -abs(item[1][0]))
    if slopes:
        title = "Slopes per standard deviation, ± 1.96 standard errors"
        charts.append(bars(title, [(name, b, 1.96 * error) for name, (b, error) in slopes]))
    lifetimes = "<p>Median lifetime in ms by fifth of the volatility of 10 s, for an ordinary client:</p>" + table(
        ("volatility, ticks", *MODELS),
        [
            [f"{fifth['volatility']:.2f}", *(f"{fifth[m]:.0f}" for m in MODELS)]
            for fifth in s["lifetimes_by_volatility"]
        ],
    )
    return f"<h2>{symbol}</h2><p>{_origin(s)}</p>{lifetimes}<div class=row>{''.join(charts)}</div>"


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
