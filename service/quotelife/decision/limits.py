"""Checks before anything is decided: controls, trading hours, model, size, position, the client's time limit.

Each raises `Refusal`, or returns what the decision needs of the value that it checked.
"""

from quotelife.controls.region import ALL, CLIENT, Controls
from quotelife.decision import kernel as K
from quotelife.decision import refusal
from quotelife.decision.client_state import ClientState
from quotelife.decision.exposure import Exposure, Moves
from quotelife.decision.quoted_instrument import QuotedInstrument
from quotelife.decision.refusal import Refusal
from quotelife.decision.request import BY_RULES, RelatedSymbol
from quotelife.decision.trading_phases import Phase
from quotelife.market.board.board import Board
from quotelife.market.grid import Grid
from quotelife.runtime.clock import utc_timestamp
from quotelife_models.enums import BUY, MARKET_CLOSED, PHASE_CLOSED, SELL


def check_model(client: ClientState, model: int) -> None:
    """Refuse a model by name to a client that may not choose one."""
    if model != BY_RULES and not client.client.may_choose_model:
        raise Refusal(refusal.NOT_AUTHORISED, "this client may not choose ExpiryModel (20001); omit it")


def check_controls(controls: Controls, instrument: QuotedInstrument, client: ClientState) -> None:
    """Refuse what the desk has stopped or closed."""
    stopped = controls.stopped(instrument.row, client.index)
    if stopped is not None:
        scope, since_ns = stopped
        symbol = instrument.config.symbol
        what = {ALL: "all quoting", CLIENT: "quoting to this client"}.get(scope, f"quoting of {symbol}")
        raise Refusal(refusal.STOPPED, f"{what} has been stopped by the desk since {utc_timestamp(since_ns)}")
    if controls.held_state(instrument.row) == MARKET_CLOSED:
        raise Refusal(refusal.CLOSED, f"{instrument.config.symbol} is closed by the desk")


def requested_lots(sizes: Grid, related: RelatedSymbol) -> int:
    """OrderQty (38) in lots, of an instrument or of a multileg."""
    try:
        lots = sizes.units(related.quantity)
    except ValueError as error:
        raise Refusal(refusal.MALFORMED, f"OrderQty (38) of {related.symbol}: {error}") from None
    if lots <= 0:
        raise Refusal(refusal.MALFORMED, f"OrderQty (38) of {related.symbol} is {related.quantity}; allowed: above 0")
    return lots


def max_lots(instrument: QuotedInstrument, client: ClientState) -> int:
    """The largest size in lots that this client may request of this instrument."""
    if client.client.max_quantity is None:
        return instrument.max_lots
    return min(instrument.max_lots, round(client.client.max_quantity / float(instrument.sizes.step)))


def check_size(instrument: QuotedInstrument, related: RelatedSymbol, client: ClientState) -> int:
    """The requested size in lots; refused above the client's limit."""
    lots = requested_lots(instrument.sizes, related)
    limit = max_lots(instrument, client)
    if lots > limit:
        text = f"OrderQty (38) of {related.symbol} is {related.quantity}; allowed: at most "
        raise Refusal(refusal.SIZE_OVER_LIMIT, text + instrument.sizes.short(limit))
    return lots


def check_position(instrument: QuotedInstrument, related: RelatedSymbol, lots: int, position_lots: int) -> None:
    """Refuse a size whose fill would take the desk over its position limit, whichever side the client takes."""
    limit = instrument.max_position_lots
    if (related.side != SELL and position_lots - lots < -limit) or (
        related.side != BUY and position_lots + lots > limit
    ):
        text = f"OrderQty (38) of {related.symbol} is {related.quantity}; it would exceed the desk's position limit"
        raise Refusal(refusal.NO_INVENTORY, text)


def check_exposure(
    exposure: Exposure, client: ClientState, related: RelatedSymbol, moves: Moves, board: Board | None
) -> None:
    """Refuse a size whose fill would exceed a limit over the desk or for the client, whichever side the client takes.
    `moves` are those of the desk's positions if the client buys."""
    ways = [] if related.side == SELL else [moves]
    if related.side != BUY:
        ways.append([(row, -lots) for row, lots in moves])
    for way in ways:
        limit = exposure.breach(client.index, way, board)
        if limit is not None:
            text = f"OrderQty (38) of {related.symbol} is {related.quantity}; it would exceed {limit}"
            raise Refusal(refusal.NO_INVENTORY, text)


def check_phase(instrument: QuotedInstrument, wall_ns: int) -> Phase:
    """The phase of the instrument's trading day; refused while it is closed."""
    phase = instrument.phases.at(wall_ns)
    if phase.code == PHASE_CLOSED:
        raise Refusal(refusal.CLOSED, f"{instrument.config.symbol} is closed until {phase.end} UTC")
    return phase


def client_limit_ns(related: RelatedSymbol, wall_ns: int) -> int:
    """The longest lifetime that the request allows, NO_LIMIT without a limit of its own; refused if that has passed."""
    if not related.until_ns:
        return K.NO_LIMIT
    if related.until_ns <= wall_ns:
        ended = utc_timestamp(related.until_ns)
        raise Refusal(refusal.TOO_LATE, f"the request's own time limit passed at {ended}")
    return related.until_ns - wall_ns
