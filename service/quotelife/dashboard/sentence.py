"""What happened to a quote, in one plain sentence."""

from quotelife.dashboard.quote_fields import Event
from quotelife.explain.document import Explanation, HitDetails
from quotelife.explain.explain import ENDING_TEXTS
from quotelife.ledger.quote_state import EXPIRED, FILLED, INDICATIVE, OPEN, PASSED, WITHDRAWN
from quotelife.runtime.clock import NS_PER_MS, parse_utc_timestamp

_ASKED = {"buy": "to buy", "sell": "to sell", "two-way": "for both sides of"}
_WHY = {
    "tolerance_curve": "after that the chance of a move against it exceeds the configured tolerance",
    "risk_bound": "after that the chance of being picked off may exceed what the desk accepts",
    "risk_bound_in_shock": "after that the chance of being picked off may exceed what the desk accepts in a shock",
    "fill_target": "that is as long as this client needs to decide",
    "loss_budget": "after that the loss to be expected exceeds what the desk accepts of this client",
    "value_peak": "after that waiting costs the desk more than it earns",
    "no_value": "it was not worth keeping open for any time",
    "client_limit": "the client wanted no longer one",
    "instrument_maximum": "that is the longest allowed for the instrument",
    "session_maximum": "that is the longest allowed in this trading phase",
    "below_minimum": "that is the shortest which is useful to this client",
}
_BY_OTHERS = ("cancelled_by_client", "session_ended", "replaced", "expired", "end_trade", "timed_out")


def sentence(quote: Event, explanation: Explanation) -> str:
    """One sentence from the request to the outcome."""
    who, what = quote["client"] or "An unknown client", f"{quote['quantity']} {quote['row_units']}".strip()
    what += f" ({quote['symbol']})" if quote["row_units"] else f" of {quote['symbol']}"
    asked = f"{who} asked {_ASKED.get(str(quote['side']), 'for')} {what}"
    return f"{asked}; {_answer(quote)}, and {_outcome(explanation)}."


def _answer(quote: Event) -> str:
    prices = " / ".join(str(price) for price in (quote["bid"], quote["offer"]) if price)
    why = _WHY.get(str(quote["reason"]), "")
    model = str(quote["model"]).replace("_", " ")
    chosen = f" ({model}: {why})" if model and why else f" ({model})" if model else ""
    return f"the desk quoted {prices} for {_duration(float(str(quote['lifetime_ms'])))}{chosen}"


def _outcome(explanation: Explanation) -> str:
    became = explanation.became
    hit = next((hit for hit in became.hits if hit.outcome.startswith(FILLED)), None)
    if became.state == FILLED:
        return "it was filled" if hit is None else f"it was filled after {_duration(hit.response_ms)}{_judged(hit)}"
    late = next(iter(became.hits), None)
    but = "" if late is None else f"; a hit after {_duration(late.response_ms)} was refused as {late.outcome}"
    because, after = ENDING_TEXTS.get(became.because or "", ""), ""
    if became.at is not None:
        after = f" after {_duration(_open_ms(explanation))}"
    if became.because in _BY_OTHERS:
        return f"{because}{after}{but}"
    texts = {
        OPEN: "it is open",
        EXPIRED: "nobody hit it before it expired",
        INDICATIVE: "it was indicative, so that nobody could hit it",
        PASSED: f"its client passed{after}",
        WITHDRAWN: f"the desk withdrew it{after}",
    }
    return texts.get(became.state, became.state) + (f", because {because}" if because else "") + but


def _judged(hit: HitDetails) -> str:
    """Whether the fill was a pick-off, as far as that is known."""
    if hit.edge_ticks is None:
        return ""
    if hit.edge_ticks < 0:
        return f", {-hit.edge_ticks:g} ticks worse than the mid at that moment: a pick-off"
    return f", {hit.edge_ticks:g} ticks better for the desk than the mid at that moment"


def _open_ms(explanation: Explanation) -> float:
    at = explanation.became.at
    assert at is not None
    return (parse_utc_timestamp(at) - parse_utc_timestamp(explanation.quote.received)) / NS_PER_MS


def _duration(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 1_000 else f"{ms / 1_000:.2f} s"
