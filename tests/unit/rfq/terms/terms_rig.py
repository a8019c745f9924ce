"""The handler's rig with a currency pair, an option, a future and a plain instrument."""

from pathlib import Path

import msgspec

from quotelife.config import Config
from quotelife.config.instrument_sections import Instrument
from quotelife.market.board import layout as L
from tests.unit.rfq.rfq_rig import Rig

MID = 110_000  # ticks of the pair: 1.10000
PAIR = {
    "symbol": "EUR/USD", "tick": "0.00001", "lot": "0.01", "venue": "SIM", "max_quantity": 50_000_000.0,
    "max_position": 100_000_000.0, "base_currency": "EUR", "currency": "USD", "settl_date": "20260107",
    "security_ids": {"4": "EU0009652759"},
    "forward": [
        {"tenor": "1", "settl_date": "20260105", "bid_points": "-0.00003", "offer_points": "-0.00001"},
        {"tenor": "M1", "settl_date": "20260209", "bid_points": "0.00201", "offer_points": "0.00204"},
        {"tenor": "M3", "settl_date": "20260407", "bid_points": "0.00601", "offer_points": "0.00605"},
    ],
}  # fmt: skip
OPTION = {
    "symbol": "OPT", "tick": "0.5", "lot": "1", "venue": "SIM", "currency": "USD", "security_type": "OPT",
    "security_ids": {"4": "US0378331005"}, "maturity": "20301220", "strike": "105.5", "put_or_call": "call",
}  # fmt: skip
FUTURE = {"symbol": "FUT", "tick": "0.5", "lot": "1", "venue": "SIM", "security_type": "FUT", "maturity": "203006"}
PLAIN = {"symbol": "PLAIN", "tick": "0.5", "lot": "0.001", "venue": "SIM"}
INSTRUMENTS = [PAIR, OPTION, FUTURE, PLAIN]


class TermsRig(Rig):
    """`ask` requests the pair by default."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.shift_book(MID - 1_000_000)

    def configure(self) -> Config:
        instruments = [msgspec.convert(raw, Instrument) for raw in INSTRUMENTS]
        return msgspec.structs.replace(super().configure(), instrument=instruments)

    def ask(self, request_id: str, related: str = "55=EUR/USD|54=1|38=1000", session: str = "ORD") -> dict[str, str]:
        [answer] = self.send("R", f"131={request_id}|146=1|{related}", session)
        return answer

    def hit(self, quote: dict[str, str], body: str = "54=1|38=1000", session: str = "ORD") -> dict[str, str]:
        """The ExecutionReport of a hit on a quote."""
        order = f"11=o{quote['117']}|117={quote['117']}|55={quote['55']}|40=D|{body}"
        return self.send("D", order, session)[0]

    def best(self, row: int = 0) -> tuple[int, int]:
        """Best bid and offer in ticks."""
        words = self.board.rows[row]
        return int(words[L.BID_PX]), int(words[L.ASK_PX])
