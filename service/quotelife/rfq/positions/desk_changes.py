"""What the desk says about its positions, as the admin API passes it on: one JSON object a line.

{"id": "1", "symbol": "BTC-USD", "adjust": "-1.5", "price": "101.5", "client": "", "reason": "hedged by phone"}
->  {"changed": true, "symbol": ..., "client": ..., "added": "-1.5", "position": ..., "average_price": ..., ...}
or  {"refused": {"detail": ..., "field": ...}, "kind": "invalid"}
"""

import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated

import msgspec
import orjson

from quotelife.ledger.position import NoAveragePrice
from quotelife.ledger.position_tables import ADJUST, SET, ChangeConflict, PositionChange
from quotelife.logs import LogEvent, event_logger
from quotelife.rfq.positions.keeper import PositionKeeper
from quotelife.runtime.clock import wall_ns

logger = event_logger(__name__)
_MAX_LISTED = 20  # names in a message
_MAX_EXPONENT = 30  # of an amount: no market has more digits


class DeskChange(msgspec.Struct, forbid_unknown_fields=True):
    """`set` states the position, `adjust` adds to it; one of them. With `client` it is the position from the fills of
    that client, and the desk's stays as it is."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    symbol: str
    set: Decimal | None = None
    adjust: Decimal | None = None
    price: Decimal | None = None
    client: str = ""
    reason: Annotated[str, msgspec.Meta(max_length=200)] = ""


class InvalidChange(ValueError):
    """A change that is refused because of `field`; the text says what is allowed."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(f"{field}: {text}")
        self.field = field


class DeskChanges:
    """Answers lines with changes."""

    def __init__(self, keeper: PositionKeeper) -> None:
        self._keeper = keeper

    def answer(self, line: bytes) -> bytes:
        """Apply the change of a line; the answer as JSON. Raises nothing."""
        try:
            change = msgspec.json.decode(line, type=DeskChange)
            return orjson.dumps(self._apply(change))
        except InvalidChange as error:
            return _refused("invalid", str(error), error.field)
        except ChangeConflict as error:
            return _refused("conflict", str(error), "id")
        except NoAveragePrice as error:
            return _refused("invalid", str(error), "price")
        except msgspec.DecodeError as error:
            return _refused("invalid", str(error), "body")
        except Exception:
            logger.exception(LogEvent.LEDGER_WRITE_FAILED, "a change of a position failed")
            return _refused("failed", "not stored, nothing has changed; see the log", "body")

    def _apply(self, change: DeskChange) -> dict[str, object]:
        keeper = self._keeper
        units = keeper.units.get(change.symbol)
        if units is None:
            raise InvalidChange("symbol", f"{change.symbol!r} is not configured; allowed: {_some(keeper.units)}")
        if change.client and change.client not in keeper.clients:
            raise InvalidChange("client", f"{change.client!r} is not configured; allowed: {_some(keeper.clients)}")
        if (change.set is None) == (change.adjust is None):
            raise InvalidChange("set", "allowed: one of set and adjust")
        kind, quantity = (SET, change.set) if change.set is not None else (ADJUST, change.adjust)
        assert quantity is not None
        lots = _number(kind, quantity, units.lots)
        price = None if change.price is None else _number("price", change.price, units.price)
        digest = _digest(kind, change.client, change.symbol, lots, price)
        recorded = keeper.apply(
            PositionChange(
                "", change.id, "", digest, kind, change.client, change.symbol, lots, price, change.reason, wall_ns()
            )
        )
        if recorded.is_new:
            of = f"{change.symbol} with {change.client}" if change.client else change.symbol
            why = f": {change.reason}" if change.reason else ""
            now = units.quantity(recorded.position.lots)
            text = "desk: position of %s %s%s by %s"
            logger.info(
                LogEvent.POSITION_CHANGED, text, of, now, why, change.id, instrument=change.symbol, id=change.id
            )
        done = {"changed": recorded.is_new, "id": change.id, "symbol": change.symbol, "client": change.client}
        return done | {"added": units.quantity(recorded.lots)} | units.document(recorded.position)


def _number(field: str, value: Decimal, convert: Callable[[str], int]) -> int:
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or abs(exponent) > _MAX_EXPONENT or len(digits) > 2 * _MAX_EXPONENT:
        raise InvalidChange(field, f"{str(value)[:80]} is not an amount")
    try:
        return convert(format(value, "f"))
    except ValueError as error:
        raise InvalidChange(field, str(error)) from None


def _digest(*content: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(content).encode()).digest()[:8], "little", signed=True)


def _refused(kind: str, detail: str, field: str) -> bytes:
    return orjson.dumps({"refused": {"detail": detail, "field": field}, "kind": kind})


def _some(names: dict) -> str:
    rest = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return ", ".join(list(names)[:_MAX_LISTED]) + rest
