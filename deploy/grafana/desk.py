"""Panels of the desk dashboard: quotes, lifetimes, pick-offs, calibration, clients."""

from typing import Any

from panel import RATE, SOURCE, Panel, quantiles, rate

MODEL, TIER, CLIENT = 'model=~"$model"', 'tier=~"$tier"', 'client=~"$client"'
MARKOUT = (
    f'(sum by (HOW) (rate(quotelife_markout_ticks_total{{direction="against_desk", {TIER}}}[$window]))'
    f' - sum by (HOW) (rate(quotelife_markout_ticks_total{{direction="for_desk", {TIER}}}[$window])))'
    f" / sum by (HOW) (rate(quotelife_markouts_total{{{TIER}}}[$window]))"
)

DESK = (
    Panel("Now"),
    Panel("Quotes", ((f"sum(rate(quotelife_quotes_total{{{MODEL}}}[{RATE}]))", "per second"),), "reqps", "stat", 4),
    Panel("Open quotes", (("quotelife_quotes_running", "quotes"),), kind="stat", width=4),
    Panel(
        "Requests quoted",
        (("sum(rate(quotelife_quotes_total[$window])) / sum(rate(quotelife_requests_total[$window]))", ""),),
        "percentunit",
        "stat",
        4,
    ),
    Panel(
        "Hit rate",
        (
            (
                'sum(rate(quotelife_hits_total{outcome="filled"}[$window]))'
                " / sum(rate(quotelife_quotes_total[$window]))",
                "",
            ),
        ),
        "percentunit",
        "stat",
        4,
    ),
    Panel(
        "Pick-off rate",
        (("sum(rate(quotelife_pick_offs_total[$window])) / sum(rate(quotelife_fills_total[$window]))", ""),),
        "percentunit",
        "stat",
        4,
        "Share of the fills that were at a loss against the mid when the hit was received.",
        (0.05, 0.1),
    ),
    Panel(
        "Late hits",
        (('sum(rate(quotelife_hits_total{outcome="late"}[$window])) / sum(rate(quotelife_hits_total[$window]))', ""),),
        "percentunit",
        "stat",
        4,
        "Share of hits after expiry: lifetimes are too short for the clients, or their clocks are slow.",
        (0.1, 0.25),
    ),
    Panel("Lifetimes and risk"),
    Panel("Lifetime", quantiles("quotelife_lifetime_seconds", "model", MODEL, (0.1, 0.5, 0.9)), "s"),
    Panel(
        "Probability of a one-tick adverse move within 500 ms",
        quantiles("quotelife_adverse_move_probability", "model", MODEL, (0.5, 0.9)),
        "percentunit",
    ),
    Panel(
        "Probability of a pick-off within the lifetime",
        quantiles("quotelife_pick_off_probability", "model", MODEL, (0.5, 0.99)),
        "percentunit",
    ),
    Panel(
        "Lifetimes, distribution",
        ((f"sum by (le) (rate(quotelife_lifetime_seconds_bucket{{{MODEL}}}[{RATE}]))", "{{le}}"),),
        "s",
        "heatmap",
        12,
    ),
    Panel("Quotes by model", rate("quotelife_quotes_total", "model", MODEL), "reqps", width=12),
    Panel("Outcomes"),
    Panel("Hits", rate("quotelife_hits_total", "outcome"), "cps"),
    Panel(
        "Quotes ended without a hit",
        (
            (f"sum by (model) (rate(quotelife_expired_total{{{MODEL}}}[{RATE}]))", "expired: {{model}}"),
            (f"sum by (reason) (rate(quotelife_cancelled_total[{RATE}]))", "{{reason}}"),
        ),
        "cps",
    ),
    Panel("Refusals", rate("quotelife_rejects_total", "reason"), "reqps"),
    Panel("Positions"),
    Panel("Position", (("quotelife_position and topk(10, abs(quotelife_position))", "{{instrument}}"),), width=6),
    Panel(
        "Result",
        (
            ("sum(quotelife_position_realised_result)", "realised"),
            ("sum(quotelife_position_marked_result)", "marked"),
        ),
        width=6,
        about="In the currency of the prices, if they have one and the same.",
    ),
    Panel("Notional", (("quotelife_notional", "{{kind}}"),), width=6),
    Panel(
        "Result by client",
        (
            (
                f"sum by (client) (quotelife_client_position_realised_result{{{CLIENT}}})"
                f" + sum by (client) (quotelife_client_position_marked_result{{{CLIENT}}})",
                "{{client}}",
            ),
        ),
        width=6,
        about="Of the desk's trades with the client, realised and marked.",
    ),
    Panel("Adverse selection"),
    Panel(
        "Mean markout",
        ((MARKOUT.replace("HOW", "tier, horizon"), "{{tier}} {{horizon}}"),),
        about="Ticks that the mid moved against the desk after a fill; positive is a loss.",
    ),
    Panel(
        "Pick-off rate by tier",
        (
            (
                f"sum by (tier) (rate(quotelife_pick_offs_total{{{TIER}}}[$window])) / "
                f"sum by (tier) (rate(quotelife_fills_total{{{TIER}}}[$window]))",
                "{{tier}}",
            ),
        ),
        "percentunit",
    ),
    Panel("Time from quote to hit", quantiles("quotelife_hit_response_seconds", "tier", TIER, (0.5, 0.9)), "s"),
    Panel("Model calibration"),
    Panel(
        "Drift",
        (("topk(10, abs(quotelife_calibration_drift))", "{{instrument}}"),),
        about="Drift of the log-odds of the active parameters, in standard errors. Beyond 5 the market has changed.",
        limits=(2, 5),
    ),
    Panel(
        "Calibration error",
        (("topk(10, quotelife_calibration_error)", "{{instrument}} {{event}} {{of}}"),),
        "percentunit",
    ),
    Panel(
        "Labels and promotions",
        (
            (f"sum by (of) (rate(quotelife_labels_total[{RATE}]))", "labels per second: {{of}}"),
            ("sum(increase(quotelife_promotions_total[$window]))", "promoted parameter sets"),
        ),
    ),
    Panel("Client statistics"),
    Panel("Fill rate", ((f"quotelife_client_fill_ratio{{{CLIENT}}}", "{{client}}"),), "percentunit", width=6),
    Panel("Response time", ((f"quotelife_client_response_seconds{{{CLIENT}}}", "{{client}}"),), "s", width=6),
    Panel("Informed share", ((f"quotelife_client_informed_ratio{{{CLIENT}}}", "{{client}}"),), "percentunit", width=6),
    Panel("Chance of winning", ((f"quotelife_client_win_ratio{{{CLIENT}}}", "{{client}}"),), "percentunit", width=6),
    Panel(
        "Toxicity (markout at 1 s), ticks", ((f"quotelife_client_toxicity_ticks{{{CLIENT}}}", "{{client}}"),), width=6
    ),
)

WINDOW = {
    "name": "window",
    "label": "Window",
    "type": "interval",
    "query": "1m,5m,15m,1h,6h,1d",
    "current": {"text": "5m", "value": "5m"},
    "auto": False,
    "options": [{"text": w, "value": w, "selected": w == "5m"} for w in ("1m", "5m", "15m", "1h", "6h", "1d")],
}


def choice(label: str, metric: str) -> dict[str, Any]:
    """A variable with the values of a label; all are selected initially."""
    query = f"label_values({metric}, {label})"
    return {
        "name": label,
        "label": label.capitalize(),
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": "variable"},
        "definition": query,
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


VARIABLES = [
    WINDOW,
    choice("model", "quotelife_quotes_total"),
    choice("tier", "quotelife_fills_total"),
    choice("client", "quotelife_client_fill_ratio"),
]
