"""The decision on a multileg: every leg is observed and priced by itself, the lifetime is that of the net price.

It shares the board, the parameters and the pricing of a `Quoter`, and like it reads nothing else that changes. One
kernel call covers all legs, unless a desk's own pricing has to run between observing and deciding.
"""

import struct
from collections.abc import Sequence
from time import sleep

import numpy as np
from numpy.typing import NDArray

from quotelife.controls.layout import DERIVED
from quotelife.decision import kernel as K
from quotelife.decision import limits, pricing, refusal
from quotelife.decision.buffers import DecisionBuffers
from quotelife.decision.client_state import ClientState
from quotelife.decision.client_terms import MultilegTerms, addresses_of
from quotelife.decision.model_selection import compile_rules
from quotelife.decision.multileg import kernel as MK
from quotelife.decision.multileg.multileg import MAX_CACHED, Multileg, MultilegCache, QuotedLeg, opposite
from quotelife.decision.quoter import (
    BUSY_PAUSE_S,
    BUSY_TRIES,
    REQUEST,
    Prices,
    QuoteDecision,
    Quoter,
    model_by_desk,
    no_lifetime,
    read_result,
)
from quotelife.decision.refusal import Refusal
from quotelife.decision.request import MAX_LEGS, RelatedSymbol
from quotelife.market.board import layout as L
from quotelife.shm.arrays import address_of
from quotelife.shm.layout import WORD_BYTES
from quotelife_models import schema as S
from quotelife_models.enums import BUY, MARKET_CLOSED, PHASE_CONTINUOUS, SELL
from quotelife_models.multileg.legs import STATE_WORDS

# Lots, positions and market states of n legs, as the kernel reads them of each request.
_OF_REQUEST = {n: struct.Struct(f"={3 * n}q") for n in range(1, MAX_LEGS + 1)}
_PRICES = {n: struct.Struct(f"={2 * n}q") for n in range(1, MAX_LEGS + 1)}  # bid and offer of n legs


class LegBuffers:
    """Memory for the n legs of one decision: xs float64[n, N_FEATURES] features, snaps int64[n, SNAP_WORDS] tops of the
    books, prices int64[n, 2] bid and offer in each leg's ticks, states float64[n, STATE_WORDS] what the models keep of
    each leg, work float64[LEG_WORK_WORDS]."""

    def __init__(self, n: int) -> None:
        self.xs = np.zeros((n, S.N_FEATURES))
        self.snaps = np.zeros((n, L.SNAP_WORDS), np.int64)
        self.prices = np.zeros((n, 2), np.int64)
        self.states = np.zeros((n, STATE_WORDS))
        self.work = np.zeros(MK.LEG_WORK_WORDS)

    def inputs(
        self, legs: NDArray[np.int64], shape: NDArray[np.float64], leg_values: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """The int64[LEG_INPUT_WORDS] of the kernel for legs with these terms."""
        inputs: NDArray[np.int64] = np.zeros(MK.LEG_INPUT_WORDS, np.int64)
        inputs[MK.IN_N_LEGS] = len(self.xs)
        inputs[MK.IN_LEGS] = address_of(legs, np.int64, "legs")
        inputs[MK.IN_SHAPE] = address_of(shape, np.float64, "shape")
        inputs[MK.IN_LEG_TERMS] = address_of(leg_values, np.float64, "leg_values")
        inputs[MK.IN_XS], inputs[MK.IN_SNAPS] = self.xs.ctypes.data, self.snaps.ctypes.data
        inputs[MK.IN_PRICES], inputs[MK.IN_STATES] = self.prices.ctypes.data, self.states.ctypes.data
        inputs[MK.IN_LEG_WORK] = self.work.ctypes.data
        return inputs


class MultilegQuoter:
    """Decides on one multileg at a time, with the board, the parameters and the pricing of `quoter`."""

    def __init__(self, quoter: Quoter) -> None:
        self._quoter = quoter
        self._multilegs = MultilegCache(quoter.instruments)
        self._leg_buffers: dict[int, LegBuffers] = {}
        self._terms: dict[tuple[int, int], MultilegTerms] = {}
        self._config = quoter.config

    def quote(
        self,
        client: ClientState,
        related: RelatedSymbol,
        model: int,
        positions: Sequence[int],
        wall_ns: int,
        mono_ns: int,
        buffers: DecisionBuffers,
    ) -> QuoteDecision:
        """The quote for one multileg; `positions` are the desk's in lots, by row of the board.

        Raises `Refusal`, and whatever the pricing provider raises. See `Quoter.quote`.
        """
        if self._config is not self._quoter.config:
            self._begin_again()
        multileg = self._multilegs.of(related.legs)
        limits.check_model(client, model)
        controls = self._quoter.controls
        held = controls.held_states(multileg.rows, client.index)
        if held is None or MARKET_CLOSED in held:
            for leg in multileg.legs:
                limits.check_controls(controls, leg.instrument, client)
            held = [controls.held_state(row) for row in multileg.rows]  # the stop has just been lifted
        lots = limits.requested_lots(multileg.sizes, related)
        terms = self.terms(client, multileg)
        leg_lots = [lots * unit for unit in multileg.units]
        leg_positions = [positions[row] for row in multileg.rows]
        for leg, requested, size, position, most in zip(
            multileg.legs, related.legs, leg_lots, leg_positions, terms.max_lots, strict=True
        ):
            if size > most or size + abs(position) > leg.instrument.max_position_lots or requested.quantity:
                _check_leg(leg, related, requested.quantity, client, lots, position)
        n_legs = len(held)
        _OF_REQUEST[n_legs].pack_into(
            terms.legs.data, MK.LEG_LOTS * n_legs * WORD_BYTES, *leg_lots, *leg_positions, *held
        )  # fmt: skip
        exposure = self._quoter.exposure
        if exposure.is_limited:
            moves = multileg.position_changes(True, lots)
            limits.check_exposure(exposure, client, related, moves, self._quoter.board)
        phase, phase_limit_ns = _phase(multileg, wall_ns)
        limit_ns = limits.client_limit_ns(related, wall_ns)
        model = model_by_desk(controls, multileg.rows, client, model, max(held), buffers.record)
        REQUEST.pack_into(
            buffers.request_memory, 0, mono_ns, -1, related.side, lots, n_legs, phase, model, 0, 0, limit_ns,
            phase_limit_ns, DERIVED,
        )  # fmt: skip
        status, at = self._decide(client, terms, buffers)
        if status != L.STATUS_OK:
            symbol, since_ns = multileg.legs[at].instrument.config.symbol, self._since_ns(multileg, at, mono_ns)
            raise refusal.no_market(symbol, status, since_ns, wall_ns, mono_ns)
        flat = _PRICES[n_legs].unpack_from(self.legs_of(multileg).prices.data)
        prices = tuple(zip(flat[::2], flat[1::2], strict=True))
        if min(flat) <= 0:
            _check_prices(multileg, prices, related, lots)
        result = read_result(buffers.record, related.side)
        if result.lifetime_ns <= 0:
            raise no_lifetime(related, result, terms.min_useful_ms)
        return QuoteDecision.of(related, result, -1, lots, wall_ns, multileg, prices)

    def _begin_again(self) -> None:
        """Another configuration is in force: its instruments have other limits, its clients other terms."""
        self._config = self._quoter.config
        self._multilegs = MultilegCache(self._quoter.instruments)
        self._terms.clear()

    def legs_of(self, multileg: Multileg) -> LegBuffers:
        """Features, books and prices of the legs of the last decision with this number of legs."""
        n = len(multileg.legs)
        legs = self._leg_buffers.get(n)
        if legs is None:
            legs = self._leg_buffers[n] = LegBuffers(n)
        return legs

    def _decide(self, client: ClientState, terms: MultilegTerms, buffers: DecisionBuffers) -> tuple[int, int]:
        """Run the kernels; returns the board's status, and the number of the leg that has it."""
        quoter, legs, board = self._quoter, self.legs_of(terms.multileg), self._quoter.board
        if board is None:
            return L.STATUS_WRITER_DEAD, 0
        default = quoter.provider is pricing.default
        for _ in range(BUSY_TRIES):
            if default:
                address = buffers.bind(board, quoter.table, quoter.policies, terms)
                status, at = MK.decide_multileg_from_board(address, terms.inputs_address)
            else:
                status, at = MK.observe_legs(
                    board.header, board.venues, board.rows, buffers.request, terms.legs, legs.xs, legs.snaps
                )
            if status != L.STATUS_BUSY:
                break
            sleep(BUSY_PAUSE_S)
        if status == L.STATUS_OK and not default:
            self._price(terms, legs)
            MK.decide_multileg_quote(
                buffers.request, terms.legs, terms.multileg.shape, terms.leg_values, terms.values, client.context,
                terms.rules, quoter.table, quoter.policies, legs.xs, legs.snaps, legs.prices, buffers.snap,
                buffers.record.words, legs.states, legs.work, buffers.work,
            )  # fmt: skip
        return status, at

    def _price(self, terms: MultilegTerms, legs: LegBuffers) -> None:
        """A desk's own prices of the legs; whatever the provider raises passes through."""
        for n, values in enumerate(terms.leg_values):
            shift = -values[K.TERM_SKEW] * K.inventory(values, terms.legs[MK.LEG_POSITION_LOTS, n])
            self._quoter.provider.price(
                legs.snaps[n], legs.xs[n], int(terms.legs[MK.LEG_LOTS, n]), values[K.TERM_HALF_SPREAD],
                values[K.TERM_MARGIN], shift, legs.prices[n],
            )  # fmt: skip

    def _since_ns(self, multileg: Multileg, at: int, mono_ns: int) -> int:
        return int(self.legs_of(multileg).snaps[at, L.SNAP_SINCE_NS]) if self._quoter.board is not None else mono_ns

    def terms(self, client: ClientState, multileg: Multileg) -> MultilegTerms:
        """Terms of a client for a multileg; made on first use, then cached."""
        key = client.index, id(multileg)
        terms = self._terms.get(key)
        if terms is None:
            if len(self._terms) >= MAX_CACHED:
                self._terms.clear()
            # The terms hold a reference to the multileg, so its id stays unique while they are cached.
            terms = self._terms[key] = self._make_terms(client, multileg)
        return terms

    def _make_terms(self, client: ClientState, multileg: Multileg) -> MultilegTerms:
        """The strictest bounds of the legs, and the rules that hold for all of them."""
        instruments = [leg.instrument for leg in multileg.legs]
        leg_values = np.stack([self._quoter.terms(client, instrument).values for instrument in instruments])
        values = leg_values[0].copy()
        values[K.TERM_MIN_LIFETIME_MS] = leg_values[:, K.TERM_MIN_LIFETIME_MS].max()
        values[K.TERM_MAX_LIFETIME_MS] = leg_values[:, K.TERM_MAX_LIFETIME_MS].min()
        legs: NDArray[np.int64] = np.zeros((MK.LEG_WORDS, len(instruments)), np.int64)
        legs[MK.LEG_ROW] = [instrument.row for instrument in instruments]
        legs[MK.LEG_PARAMETERS] = [instrument.parameters for instrument in instruments]
        legs[MK.LEG_PLACE] = np.arange(len(instruments))
        symbols = [instrument.config.symbol for instrument in instruments]
        rules = compile_rules(self._quoter.config, client.client, symbols)
        min_useful_ms = max(float(values[K.TERM_MIN_LIFETIME_MS]), client.client.round_trip_ms)
        max_lots = tuple(limits.max_lots(instrument, client) for instrument in instruments)
        inputs = self.legs_of(multileg).inputs(legs, multileg.shape, leg_values)
        return MultilegTerms(
            multileg, values, rules, client.context, addresses_of(values, rules, client.context), leg_values, legs,
            inputs, address_of(inputs, np.int64, "inputs"), max_lots, min_useful_ms,
        )  # fmt: skip


def _side(leg: QuotedLeg, related: RelatedSymbol) -> int:
    """The client's side of a leg."""
    return related.side if leg.side == BUY else opposite(related.side)


def _leg_request(leg: QuotedLeg, related: RelatedSymbol, lots: int) -> RelatedSymbol:
    """What a multileg requests of one leg, as a request of its own: for the text of a refusal."""
    quantity = leg.instrument.sizes.short(lots * leg.unit_lots)
    symbol = leg.instrument.config.symbol
    return RelatedSymbol(symbol, _side(leg, related), quantity, related.until_ns, related.n_legs)


def _phase(multileg: Multileg, wall_ns: int) -> tuple[int, int]:
    """The phase that matters most among those of the legs, and the longest lifetime in any of them; refused while a leg
    is closed."""
    code, limit_ns = PHASE_CONTINUOUS, K.NO_LIMIT
    for instrument in multileg.scheduled:
        phase = limits.check_phase(instrument, wall_ns)
        code, limit_ns = max(code, phase.code), min(limit_ns, phase.limit_ns)
    return code, limit_ns


def _check_leg(
    leg: QuotedLeg, related: RelatedSymbol, quantity: str, client: ClientState, lots: int, position: int
) -> None:
    """Refused if the LegQty of a leg does not fit the ratio or a limit is passed."""
    leg_lots, leg_request = lots * leg.unit_lots, _leg_request(leg, related, lots)
    limits.check_size(leg.instrument, leg_request, client)
    if quantity:
        try:
            same = leg.instrument.sizes.units(quantity) == leg_lots
        except ValueError:
            same = False
        if not same:
            text = f"LegQty (687) of {leg_request.symbol} is {quantity}; "
            text += f"allowed: {leg_request.quantity}, by OrderQty (38) and LegRatioQty (623)"
            raise Refusal(refusal.MALFORMED, text)
    limits.check_position(leg.instrument, leg_request, leg_lots, position)


def _check_prices(multileg: Multileg, prices: tuple[Prices, ...], related: RelatedSymbol, lots: int) -> None:
    """Refused if a leg has no positive price on the side that is requested of it."""
    for leg, (bid, offer) in zip(multileg.legs, prices, strict=True):
        side = _side(leg, related)
        if (side != SELL and offer <= 0) or (side != BUY and bid <= 0):
            leg_request = _leg_request(leg, related, lots)
            raise refusal.no_positive_price(leg_request.symbol, leg_request.quantity)
