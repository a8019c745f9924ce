"""The decision on a package: each leg is observed and priced alone, the lifetime is that of the net price.

Like `service.quoting.quoter`, whose parts it uses: pure but for the board, and the same inputs give the same quote.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.board import layout as L
from service.controls.layout import DERIVED
from service.journal import layout as J
from service.quoting import kernel as K
from service.quoting import quoter as Q
from service.quoting import refusal
from service.quoting.client_state import ClientState
from service.quoting.package import KEPT, Package, PackageLeg, Packages, turned
from service.quoting.package_kernel import weigh_package
from service.quoting.phases import Phase
from service.quoting.refusal import Refused
from service.quoting.request import BUY, BY_RULES, SELL, Related
from service.quoting.scratch import Scratch
from service.quoting.selection import PHASE_CLOSED, compile_rules


class PackageQuoter:
    """Decides on one package at a time, with the board, the parameters and the pricing of `quoter`."""

    def __init__(self, quoter: Q.Quoter) -> None:
        self._quoter = quoter
        self._packages = Packages(quoter.traded)
        self._scratches: list[Scratch] = []
        self._agreed: dict[tuple[int, int], tuple[NDArray[np.float64], NDArray[np.float64], Package]] = {}

    def quote(
        self, client: ClientState, related: Related, model: int, positions: Sequence[int], wall_ns: int, mono_ns: int,
        scratch: Scratch,
    ) -> Q.Quoted:  # fmt: skip
        """The quote for one package, or `Refused`; positions are the desk's in lots by row."""
        package = self._packages.of(related.package)
        if model != BY_RULES and not client.client.may_choose_model:
            raise Refused(refusal.NOT_AUTHORISED, Q.NOT_OPEN)
        for leg in package.legs:
            Q.check_orders(self._quoter.controls, leg.traded, client)
        lots = _lots(package, related)
        asked = [_asked(leg, related, lots) for leg in package.legs]
        for leg, one, given in zip(package.legs, asked, related.package, strict=True):
            _check_leg(leg, one, given.quantity, client, lots, positions)
        phases = [_open_phase(leg, wall_ns) for leg in package.legs]
        limit_ns = Q.client_limit_ns(related, wall_ns)
        while len(self._scratches) < len(package.legs):
            self._scratches.append(Scratch())
        prices = [
            self._price(leg, one, phase, client, lots, positions, n, wall_ns, mono_ns)
            for n, (leg, one, phase) in enumerate(zip(package.legs, asked, phases, strict=True))
        ]
        bid, offer = package.net(prices)
        words = scratch.record.words
        words[J.BID_PX], words[J.OFFER_PX] = bid, offer
        self._weigh(package, client, related, model, lots, positions, phases, limit_ns, mono_ns, scratch)
        outcome = Q.read_outcome(scratch.record, related.side)
        if outcome.lifetime_ns <= 0:
            least_ms = max(
                *(leg.traded.instrument.min_lifetime_ms for leg in package.legs), client.client.round_trip_ms
            )
            raise Q.not_given(related, outcome, least_ms)
        return Q.make_quoted(related, outcome, -1, lots, wall_ns, package, tuple(prices))

    def _price(
        self, leg: PackageLeg, one: Related, phase: Phase, client: ClientState, lots: int, positions: Sequence[int],
        n: int, wall_ns: int, mono_ns: int,
    ) -> tuple[int, int]:  # fmt: skip
        """(bid, offer) of a leg in its ticks; its features stay in the n-th scratch."""
        scratch, traded, quoter = self._scratches[n], leg.traded, self._quoter
        words, ask, leg_lots = scratch.record.words, scratch.ask, lots * leg.unit_lots
        position = positions[traded.row]
        Q.ASK.pack_into(
            ask.data, 0, mono_ns, traded.row, one.side, leg_lots, one.legs, phase.code, BY_RULES, position,
            traded.parameters, K.NO_LIMIT, phase.limit_ns, quoter.controls.forced(traded.row),
        )  # fmt: skip
        status = quoter.observe(scratch)
        if status != L.STATUS_OK:
            raise Q.no_market(one.symbol, status, int(scratch.snap[L.SNAP_SINCE_NS]), wall_ns, mono_ns)
        quoter.price(scratch, quoter.agreed(client, traded).terms)
        bid, offer = int(words[J.BID_PX]), int(words[J.OFFER_PX])
        if (one.side != SELL and offer <= 0) or (one.side != BUY and bid <= 0):
            raise Refused(refusal.INVALID_PRICE, f"no positive price for {one.quantity} of {one.symbol}")
        return bid, offer

    def _weigh(
        self, package: Package, client: ClientState, related: Related, model: int, lots: int,
        positions: Sequence[int], phases: list[Phase], limit_ns: int, mono_ns: int, scratch: Scratch,
    ) -> None:  # fmt: skip
        """Run the kernel on the legs' features and the net prices in the record."""
        terms, rules = self._agree(client, package)
        legs, snaps = package.legs, [self._scratches[n].snap for n in range(len(package.legs))]
        held = max(legs, key=lambda leg: abs(positions[leg.traded.row]) / leg.traded.max_position_lots)
        terms[K.TERM_MAX_POSITION] = held.traded.max_position_lots
        position = positions[held.traded.row] * (1 if held.side == BUY else -1)
        Q.ASK.pack_into(
            scratch.ask.data, 0, mono_ns, -1, related.side, lots, len(legs), max(phase.code for phase in phases), model,
            position, 0, limit_ns, min(phase.limit_ns for phase in phases), DERIVED,
        )  # fmt: skip
        net = package.net([(int(snap[L.SNAP_BID_PX]), int(snap[L.SNAP_ASK_PX])) for snap in snaps])
        scratch.snap[L.SNAP_BID_PX], scratch.snap[L.SNAP_ASK_PX] = net
        markets = np.array([self._quoter.controls.forced(leg.traded.row) for leg in legs])
        xs = np.stack([self._scratches[n].record.features for n in range(len(legs))])
        weigh_package(
            scratch.ask, terms, client.context, rules, self._quoter.table, self._quoter.policies, package.parameters,
            package.sides, package.weights, package.units, markets, xs, scratch.snap, scratch.record.words,
        )  # fmt: skip

    def _agree(self, client: ClientState, package: Package) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Terms and rules of a client for a package: the strictest of its legs' bounds, the rules that hold for all."""
        key = client.index, id(package)
        agreed = self._agreed.get(key)
        if agreed is None:
            if len(self._agreed) >= KEPT:
                self._agreed.clear()
            of_legs = [self._quoter.agreed(client, leg.traded).terms for leg in package.legs]
            terms = of_legs[0].copy()
            terms[K.TERM_MIN_LIFETIME_MS] = max(t[K.TERM_MIN_LIFETIME_MS] for t in of_legs)
            terms[K.TERM_MAX_LIFETIME_MS] = min(t[K.TERM_MAX_LIFETIME_MS] for t in of_legs)
            symbols = [leg.traded.instrument.symbol for leg in package.legs]
            rules = compile_rules(self._quoter.config, client.client, symbols)
            agreed = self._agreed[key] = (terms, rules, package)  # the package is kept, so its id stays its own
        return agreed[0], agreed[1]


def _lots(package: Package, related: Related) -> int:
    """Packages asked for, in lots of the package."""
    try:
        lots = package.sizes.units(related.quantity)
    except ValueError as error:
        raise Refused(refusal.MALFORMED, f"OrderQty (38) of {related.symbol}: {error}") from None
    if lots <= 0:
        raise Refused(refusal.MALFORMED, f"OrderQty (38) of {related.symbol} is {related.quantity}; allowed: above 0")
    return lots


def _asked(leg: PackageLeg, related: Related, lots: int) -> Related:
    """What is asked of one leg: its own side and quantity."""
    side = related.side if leg.side == BUY else turned(related.side)
    quantity = leg.traded.sizes.short(lots * leg.unit_lots)
    return Related(leg.traded.instrument.symbol, side, quantity, related.until_ns, related.legs)


def _check_leg(
    leg: PackageLeg, one: Related, quantity: str, client: ClientState, lots: int, positions: Sequence[int]
) -> None:
    """`Refused` if a leg's own quantity does not fit the ratio, or is over a limit."""
    leg_lots = Q.size_lots(leg.traded, one, client)
    if quantity:
        try:
            same = leg.traded.sizes.units(quantity) == leg_lots
        except ValueError:
            same = False
        if not same:
            text = f"LegQty (687) of {one.symbol} is {quantity}; by OrderQty (38) and ratio it is {one.quantity}"
            raise Refused(refusal.MALFORMED, text)
    Q.check_position(leg.traded, one, leg_lots, positions[leg.traded.row])


def _open_phase(leg: PackageLeg, wall_ns: int) -> Phase:
    phase = leg.traded.phases.at(wall_ns)
    if phase.code == PHASE_CLOSED:
        raise Refused(refusal.CLOSED, f"{leg.traded.instrument.symbol} is closed until {phase.end} UTC")
    return phase
