"""The decision on a package: each leg is observed and priced alone, the lifetime is that of the net price.

Like `quotelife.decision.quoter`, whose parts it uses: pure but for the board, and the same inputs give the same quote.
One call of one kernel does all legs, unless a desk's own pricing stands between.
"""

from collections.abc import Sequence
from time import sleep

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quotelife.controls.layout import DERIVED
from quotelife.decision import kernel as K
from quotelife.decision import limits, pricing, refusal
from quotelife.decision import multileg_kernel as PK
from quotelife.decision import quoter as Q
from quotelife.decision.buffers import Scratch
from quotelife.decision.client_state import ClientState
from quotelife.decision.model_selection import compile_rules
from quotelife.decision.multileg import KEPT, Package, PackageLeg, Packages, turned
from quotelife.decision.refusal import Refused
from quotelife.decision.request import BUY, BY_RULES, SELL, Related
from quotelife.market.board import layout as L
from quotelife_models import schema as S


class Agreed(Struct, frozen=True):
    """A package as one client gets it: terms and rules of the package, terms float64[legs, TERM_WORDS] and the largest
    size in lots of each leg. `legs` int64[LEG_WORDS, legs] is filled anew for each request."""

    package: Package
    terms: NDArray[np.float64]
    rules: NDArray[np.float64]
    leg_terms: NDArray[np.float64]
    legs: NDArray[np.int64]
    most_lots: tuple[int, ...]
    least_ms: float


class LegScratch:
    """Memory for the legs of one decision, by their number: features, tops of the books, prices."""

    def __init__(self, n: int) -> None:
        self.xs = np.zeros((n, S.N_FEATURES))
        self.snaps = np.zeros((n, L.SNAP_WORDS), np.int64)
        self.prices = np.zeros((n, 2), np.int64)


class PackageQuoter:
    """Decides on one package at a time, with the board, the parameters and the pricing of `quoter`."""

    def __init__(self, quoter: Q.Quoter) -> None:
        self._quoter = quoter
        self._packages = Packages(quoter.traded)
        self._scratches: dict[int, LegScratch] = {}
        self._agreed: dict[tuple[int, int], Agreed] = {}

    def quote(
        self, client: ClientState, related: Related, model: int, positions: Sequence[int], wall_ns: int, mono_ns: int,
        scratch: Scratch,
    ) -> Q.Quoted:  # fmt: skip
        """The quote for one package, or `Refused`; positions are the desk's in lots by row."""
        package = self._packages.of(related.package)
        if model != BY_RULES and not client.client.may_choose_model:
            raise Refused(refusal.NOT_AUTHORISED, Q.NOT_OPEN)
        for leg in package.legs:
            limits.check_orders(self._quoter.controls, leg.traded, client)
        lots = limits.asked_lots(package.sizes, related)
        agreed = self._agree(client, package)
        for n, (leg, given) in enumerate(zip(package.legs, related.package, strict=True)):
            _check_leg(agreed, n, leg, related, given.quantity, client, lots, positions)
            agreed.legs[PK.LEG_MARKET, n] = self._quoter.controls.forced(leg.traded.row)
        phases = [limits.open_phase(leg.traded, wall_ns) for leg in package.legs]
        limit_ns = limits.client_limit_ns(related, wall_ns)
        Q.ASK.pack_into(
            scratch.ask.data, 0, mono_ns, -1, related.side, lots, len(package.legs),
            max(phase.code for phase in phases), model, 0, 0, limit_ns, min(phase.limit_ns for phase in phases),
            DERIVED,
        )  # fmt: skip
        status, at = self._decide(client, agreed, scratch)
        if status != L.STATUS_OK:
            symbol, since_ns = package.legs[at].traded.instrument.symbol, self._since_ns(package, at, mono_ns)
            raise Q.no_market(symbol, status, since_ns, wall_ns, mono_ns)
        prices = tuple((bid, offer) for bid, offer in self.legs_of(package).prices.tolist())
        for leg, (bid, offer) in zip(package.legs, prices, strict=True):
            side = _side(leg, related)
            if (side != SELL and offer <= 0) or (side != BUY and bid <= 0):
                one = _asked(leg, related, lots)
                raise Refused(refusal.INVALID_PRICE, f"no positive price for {one.quantity} of {one.symbol}")
        outcome = Q.read_outcome(scratch.record, related.side)
        if outcome.lifetime_ns <= 0:
            raise Q.not_given(related, outcome, agreed.least_ms)
        return Q.make_quoted(related, outcome, -1, lots, wall_ns, package, prices)

    def legs_of(self, package: Package) -> LegScratch:
        """What the last decision on as many legs has left of them."""
        n = len(package.legs)
        legs = self._scratches.get(n)
        if legs is None:
            legs = self._scratches[n] = LegScratch(n)
        return legs

    def _decide(self, client: ClientState, agreed: Agreed, scratch: Scratch) -> tuple[int, int]:
        """Run the kernels; the board's status, and the leg that has it."""
        quoter, legs, board = self._quoter, self.legs_of(agreed.package), self._quoter.board
        if board is None:
            return L.STATUS_WRITER_DEAD, 0
        terms = (
            scratch.ask, agreed.legs, agreed.package.shape, agreed.leg_terms, agreed.terms, client.context,
            agreed.rules, quoter.table, quoter.policies, legs.xs, legs.snaps, legs.prices, scratch.snap,
            scratch.record.words,
        )  # fmt: skip
        default = quoter.provider is pricing.default
        for _ in range(Q.BUSY_TRIES):
            if default:
                status, at = PK.answer_package(board.header, board.venues, board.rows, *terms)
            else:
                status, at = PK.observe_package(
                    board.header, board.venues, board.rows, scratch.ask, agreed.legs, legs.xs, legs.snaps
                )
            if status != L.STATUS_BUSY:
                break
            sleep(Q.BUSY_PAUSE_S)
        if status == L.STATUS_OK and not default:
            self._price(agreed, legs)
            PK.weigh_package(*terms)
        return status, at

    def _price(self, agreed: Agreed, legs: LegScratch) -> None:
        """A desk's own prices of the legs; whatever the provider raises passes through."""
        for n, terms in enumerate(agreed.leg_terms):
            shift = -terms[K.TERM_SKEW] * K.inventory(terms, agreed.legs[PK.LEG_POSITION_LOTS, n])
            self._quoter.provider.price(
                legs.snaps[n], legs.xs[n], int(agreed.legs[PK.LEG_LOTS, n]), terms[K.TERM_HALF_SPREAD],
                terms[K.TERM_MARGIN], shift, legs.prices[n],
            )  # fmt: skip

    def _since_ns(self, package: Package, at: int, mono_ns: int) -> int:
        return int(self.legs_of(package).snaps[at, L.SNAP_SINCE_NS]) if self._quoter.board is not None else mono_ns

    def _agree(self, client: ClientState, package: Package) -> Agreed:
        """Terms and rules of a client for a package: the strictest of its legs' bounds, the rules that hold for all."""
        key = client.index, id(package)
        agreed = self._agreed.get(key)
        if agreed is None:
            if len(self._agreed) >= KEPT:
                self._agreed.clear()
            agreed = self._agreed[key] = self._make(client, package)  # it keeps the package, so its id stays its own
        return agreed

    def _make(self, client: ClientState, package: Package) -> Agreed:
        traded = [leg.traded for leg in package.legs]
        leg_terms = np.stack([self._quoter.agreed(client, each).terms for each in traded])
        terms = leg_terms[0].copy()
        terms[K.TERM_MIN_LIFETIME_MS] = leg_terms[:, K.TERM_MIN_LIFETIME_MS].max()
        terms[K.TERM_MAX_LIFETIME_MS] = leg_terms[:, K.TERM_MAX_LIFETIME_MS].min()
        legs = np.zeros((PK.LEG_WORDS, len(traded)), np.int64)
        legs[PK.LEG_ROW] = [each.row for each in traded]
        legs[PK.LEG_PARAMETERS] = [each.parameters for each in traded]
        rules = compile_rules(self._quoter.config, client.client, [each.instrument.symbol for each in traded])
        least_ms = max(float(terms[K.TERM_MIN_LIFETIME_MS]), client.client.round_trip_ms)
        most_lots = tuple(limits.most_lots(each, client) for each in traded)
        return Agreed(package, terms, rules, leg_terms, legs, most_lots, least_ms)


def _side(leg: PackageLeg, related: Related) -> int:
    """What the client wants of a leg."""
    return related.side if leg.side == BUY else turned(related.side)


def _asked(leg: PackageLeg, related: Related, lots: int) -> Related:
    """What is asked of one leg, in words: its own side and quantity."""
    quantity = leg.traded.sizes.short(lots * leg.unit_lots)
    return Related(leg.traded.instrument.symbol, _side(leg, related), quantity, related.until_ns, related.legs)


def _check_leg(
    agreed: Agreed, n: int, leg: PackageLeg, related: Related, quantity: str, client: ClientState, lots: int,
    positions: Sequence[int],
) -> None:  # fmt: skip
    """Fill in what is asked of the n-th leg; `Refused` if its own quantity does not fit the ratio, or is over a limit.

    The text of a refusal is made where there is one to be made.
    """
    leg_lots, position = lots * leg.unit_lots, positions[leg.traded.row]
    agreed.legs[PK.LEG_LOTS, n], agreed.legs[PK.LEG_POSITION_LOTS, n] = leg_lots, position
    if leg_lots > agreed.most_lots[n]:
        limits.size_lots(leg.traded, _asked(leg, related, lots), client)
    if quantity:
        try:
            same = leg.traded.sizes.units(quantity) == leg_lots
        except ValueError:
            same = False
        if not same:
            one = _asked(leg, related, lots)
            text = f"LegQty (687) of {one.symbol} is {quantity}; by OrderQty (38) and ratio it is {one.quantity}"
            raise Refused(refusal.MALFORMED, text)
    if abs(position) + leg_lots > leg.traded.max_position_lots:
        limits.check_position(leg.traded, _asked(leg, related, lots), leg_lots, position)
