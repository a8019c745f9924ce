"""What a request is refused for before anything is decided: the desk's orders, hours, sizes, positions, time limits."""

from quotelife.controls.region import ALL, CLIENT, Controls
from quotelife.decision import kernel as K
from quotelife.decision import refusal
from quotelife.decision.client_state import ClientState
from quotelife.decision.model_selection import CLOSED, PHASE_CLOSED
from quotelife.decision.quoted_instrument import Traded
from quotelife.decision.refusal import Refused
from quotelife.decision.request import BUY, SELL, Related
from quotelife.decision.trading_phases import Phase
from quotelife.market.grid import Grid
from quotelife.runtime.clock import utc_timestamp


def asked_lots(sizes: Grid, related: Related) -> int:
    """OrderQty (38) in lots, of an instrument or of a package."""
    try:
        lots = sizes.units(related.quantity)
    except ValueError as error:
        raise Refused(refusal.MALFORMED, f"OrderQty (38) of {related.symbol}: {error}") from None
    if lots <= 0:
        raise Refused(refusal.MALFORMED, f"OrderQty (38) of {related.symbol} is {related.quantity}; allowed: above 0")
    return lots


def size_lots(traded: Traded, related: Related, client: ClientState) -> int:
    """The size asked for in lots, which the client may have."""
    lots = asked_lots(traded.sizes, related)
    limit = most_lots(traded, client)
    if lots > limit:
        text = f"size {related.quantity} of {related.symbol} is over the limit of {traded.sizes.short(limit)}"
        raise Refused(refusal.SIZE_OVER_LIMIT, text)
    return lots


def check_orders(controls: Controls, traded: Traded, client: ClientState) -> None:
    """Refuse what the desk has stopped or closed."""
    stopped = controls.stopped(traded.row, client.index)
    if stopped is not None:
        scope, since_ns = stopped
        symbol = traded.instrument.symbol
        what = {ALL: "all quoting", CLIENT: "quoting to this client"}.get(scope, f"quoting of {symbol}")
        raise Refused(refusal.STOPPED, f"{what} is stopped by the desk since {utc_timestamp(since_ns)}")
    if controls.forced(traded.row) == CLOSED:
        raise Refused(refusal.CLOSED, f"{traded.instrument.symbol} is closed by the desk")


def most_lots(traded: Traded, client: ClientState) -> int:
    """The largest size for a client in lots."""
    if client.client.max_quantity is None:
        return traded.max_lots
    return min(traded.max_lots, round(client.client.max_quantity / float(traded.sizes.step)))


def check_position(traded: Traded, related: Related, lots: int, position_lots: int) -> None:
    """Refuse what would take the desk over its position limit, whichever side the client takes."""
    most = traded.max_position_lots
    if (related.side != SELL and position_lots - lots < -most) or (related.side != BUY and position_lots + lots > most):
        text = f"size {related.quantity} of {related.symbol} would go over the desk's position limit"
        raise Refused(refusal.NO_INVENTORY, text)


def open_phase(traded: Traded, wall_ns: int) -> Phase:
    """The phase that the instrument's market is in, unless it is closed."""
    phase = traded.phases.at(wall_ns)
    if phase.code == PHASE_CLOSED:
        raise Refused(refusal.CLOSED, f"{traded.instrument.symbol} is closed until {phase.end} UTC")
    return phase


def client_limit_ns(related: Related, wall_ns: int) -> int:
    """The longest lifetime that the request allows."""
    if not related.until_ns:
        return K.NO_LIMIT
    if related.until_ns <= wall_ns:
        ended = utc_timestamp(related.until_ns)
        raise Refused(refusal.TOO_LATE, f"the request's own time limit ended at {ended}")
    return related.until_ns - wall_ns
