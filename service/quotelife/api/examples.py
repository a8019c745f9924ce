"""Examples of the OpenAPI document, with the names of the service's own configuration: each can be sent as it is."""

from decimal import Decimal
from typing import Any

from quotelife.config import Config
from quotelife.config.sections import Instrument

Body = dict[str, Any]


def expiry_examples(config: Config) -> dict[str, Body]:
    """Bodies of POST /v1/expiry by name: one side, both, and a multileg where there are two instruments.

    For the first client and the first instruments that are quoted; none where the configuration has neither.
    """
    quoted = [i for i in config.instrument if i.quotable]
    if not config.client or not quoted:
        return {}
    client = config.client[0].name
    first: Body = {"symbol": quoted[0].symbol, "client": client, "quantity": _text(_quantity(quoted[0]))}
    bodies: dict[str, Body] = {
        "buy": {**first, "side": "buy"},
        "two_way": {**first, "side": "two_way", "max_lifetime_us": 500_000},
    }
    if len(quoted) > 1:
        legs = [{"symbol": i.symbol, "side": side} for i, side in zip(quoted, ("buy", "sell"), strict=False)]
        # Each leg has this quantity: within both limits, and no less than the larger lot.
        smaller, lot = min(map(_quantity, quoted[:2])), max(Decimal(i.lot) for i in quoted[:2])
        bodies["multileg"] = {
            "symbol": "Package",
            "client": client,
            "quantity": _text(max(smaller, lot)),
            "side": "buy",
            "legs": legs,
        }
    return bodies


def batch_example(config: Config) -> list[Body]:
    """A body of POST /v1/expiry:batch."""
    return list(expiry_examples(config).values())


def stream_examples(config: Config) -> dict[str, Body]:
    """Text frames of /v1/expiry/stream by name."""
    return {name: {**body, "id": n} for n, (name, body) in enumerate(expiry_examples(config).items(), 1)}


def _quantity(instrument: Instrument) -> Decimal:
    """A hundredth of the limit in lots, with one digit; a lot where that is more."""
    lot = Decimal(instrument.lot)
    lots = int(Decimal(str(instrument.max_quantity)) / 100 / lot)
    digits = len(str(lots)) - 1
    return max(lots // 10**digits * 10**digits, 1) * lot


def _text(quantity: Decimal) -> str:
    return format(quantity.normalize(), "f")
