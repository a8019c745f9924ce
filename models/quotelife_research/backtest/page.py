"""The report of a backtest as an HTML page: fill/pick-off frontier, policies, assumptions."""

import json
from typing import Any

from quotelife_models.enums import MODELS
from quotelife_research.calibration.charts import Series, figure, page, table

_MAIN = (
    *reversed(MODELS),
    "fixed_best",
    "fixed_best_per_account",
    "inverse_variance",
    "logistic_imbalance",
    "oracle",
    "clairvoyant",
)


def render(report: dict[str, Any]) -> str:
    """The page of a backtest's `report.json`."""
    assumed = json.dumps(report["assumptions"], indent=1)
    body = (
        "<p><b>The clients are simulated: their behaviour is an assumption, not a measurement.</b> The market is real. "
        "All policies answer the same requests; tuned policies were tuned on earlier days. The oracle foresees the "
        "market but not the kind of client; the clairvoyant foresees both.</p>"
        f"<details><summary>Assumptions</summary><pre>{assumed}</pre></details>"
    )
    return page("Backtest", body + "".join(_symbol(name, s) for name, s in report["symbols"].items()))


def _symbol(name: str, s: dict[str, Any]) -> str:
    parts = [f"<h2>{name}</h2><p>Tuned on {', '.join(s['tuned_on'])}; tested on {', '.join(s['tested_on'])}.</p>"]
    charts = [
        _frontier(f"{name}, informed {share}", found["policies"]) for share, found in s["by_informed_share"].items()
    ]
    parts.append(f"<div class=row>{''.join(charts)}</div>")
    for share, found in s["by_informed_share"].items():
        parts.append(f"<h3>{name}: {float(share):.0%} of the requests informed</h3>")
        parts += [_paired(found["paired"]), _policies(found["policies"])]
    return "".join(parts)


def _frontier(title: str, found: dict[str, Any]) -> str:
    """Pick-off rate against genuine fill rate: fixed lifetimes as a line, other policies as points."""
    fixed = [p for name, p in found.items() if name.startswith("fixed_") and name.endswith("ms")]
    series = [Series("fixed lifetimes", sorted((p["fill_rate"], p["pickoff_rate"]) for p in fixed), dots=False)]
    for name in _MAIN:
        if name not in ("fixed_best", "clairvoyant"):
            point = (found[name]["fill_rate"], found[name]["pickoff_rate"])
            series.append(Series(name.replace("_", " "), [point], line=False, dots=True))
    return figure(title, series, "fill rate of genuine clients", "pick-off rate of requests")


def _paired(paired: dict[str, Any]) -> str:
    rows = []
    for other, p in paired.items():
        rows.append(_difference(f"minus {other.replace('_', ' ')}", p, p))
        for account, a in p["accounts"].items():
            rows.append(_difference(f"… {account} accounts", a, {}))
    return table(
        (
            "Liquidity Provider, ticks per request",
            "difference",
            "95 % interval",
            "share of the distance to the oracle",
            "to the clairvoyant",
        ),
        rows,
    )


def _difference(name: str, p: dict[str, Any], shares: dict[str, Any]) -> list[str]:
    of = [shares.get(f"share_of_distance_to_{other}") for other in ("oracle", "clairvoyant")]
    return [
        name,
        f"{p['difference']:+.5f}",
        f"{p['low']:+.5f} to {p['high']:+.5f}",
        *("" if share is None else f"{share:.0%}" for share in of),
    ]


def _policies(found: dict[str, Any]) -> str:
    head = (
        "policy",
        "genuine fills",
        "pick-offs",
        "refused",
        "net",
        "95 % interval",
        "0.1 s",
        "1 s",
        "10 s",
        "lifetime, ms",
    )
    rows = []
    for name in (*_MAIN, *(n for n in found if n not in _MAIN)):
        p = found[name]
        rows.append(
            [
                name.replace("_", " "),
                f"{p['fill_rate']:.3f}",
                f"{p['pickoff_rate']:.4f}",
                f"{p['refused_rate']:.3f}",
                f"{p['net_per_request']:.4f}",
                f"{p['net_low']:.4f} to {p['net_high']:.4f}",
                *("-" if v is None else f"{v:.3f}" for v in p["markout_ticks"].values()),
                f"{p['mean_lifetime_ms']:.0f}",
            ]
        )
    return table(head, rows)
