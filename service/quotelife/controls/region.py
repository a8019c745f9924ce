"""The controls in shared memory, which quoting processes read before every quote and every hit."""

from collections.abc import Sequence
from pathlib import Path

from quotelife.config import Config
from quotelife.config.paths import RunPaths
from quotelife.controls import layout as L
from quotelife.shm.layout import WORD_BYTES
from quotelife.shm.region import Format, Region, RegionError
from quotelife_models.enums import CLIENT_PRIORITY, LIQUIDITY_PROVIDER, RISK_AVERSE

ALL, INSTRUMENT, CLIENT = "all", "instrument", "client"
_CAUTIOUS_FIRST = (RISK_AVERSE, LIQUIDITY_PROVIDER, CLIENT_PRIORITY)
FORMAT = Format(
    "controls file",
    L.HEADER,
    {"magic": L.MAGIC, "layout_version": L.LAYOUT_VERSION},
    lambda header: L.clients_at(int(header[L.H_INSTRUMENTS]), int(header[L.H_CLIENTS])),
)


class Controls:
    """A view of the controls' words; changes take effect at once. `generation` increases with every change."""

    def __init__(self, words: memoryview, n_instruments: int, n_clients: int) -> None:
        self.words = words
        self.n_instruments, self.n_clients = n_instruments, n_clients
        self._clients = L.clients_at(n_instruments, 0)

    @classmethod
    def none(cls, n_instruments: int, n_clients: int) -> "Controls":
        """Controls that restrict nothing and cannot be changed, for a process without a supervisor."""
        words = memoryview(bytearray(L.clients_at(n_instruments, n_clients) * WORD_BYTES)).cast("q")
        controls = cls(words, n_instruments, n_clients)
        controls._leave_to_rules()
        return controls

    @classmethod
    def create(cls, path: Path, n_instruments: int, n_clients: int) -> "Controls":
        """Create a file that restricts nothing, for its single writer. OSError if there is no room."""
        with Region.create(path, FORMAT, {"instruments": n_instruments, "clients": n_clients}) as region:
            controls = cls(memoryview(region.memory).cast("q"), n_instruments, n_clients)
            controls._leave_to_rules()
            return controls

    @classmethod
    def attach(cls, path: Path, n_instruments: int, n_clients: int) -> "Controls":
        """A read-only view; RegionError if the file cannot be used or is of another configuration. It may have room
        for more clients: those of a version that did not come into force."""
        region = Region.attach(path, FORMAT, {"instruments": n_instruments}, writable=False)
        room = int(region.words[L.H_CLIENTS])
        if room < n_clients:
            raise RegionError(path, f"has room for {room} clients, expected {n_clients} or more")
        return cls(memoryview(region.memory).cast("q"), n_instruments, room)

    def _leave_to_rules(self) -> None:
        """No market state is held, no model is forced."""
        words = self.words
        words[L.H_MODEL] = L.BY_RULES
        for row in range(self.n_instruments):
            at = L.instruments_at(row)
            words[at + L.I_HELD_STATE], words[at + L.I_MODEL] = L.DERIVED, L.BY_RULES
        for client in range(self.n_clients):
            words[L.clients_at(self.n_instruments, client) + L.C_MODEL] = L.BY_RULES

    @property
    def generation(self) -> int:
        return self.words[L.H_GENERATION]

    def stopped(self, row: int, client: int) -> tuple[str, int] | None:
        """The widest stop that applies (all, instrument, client) and when it began (wall clock, ns); None if there is
        none."""
        words = self.words
        if since := words[L.H_STOPPED_NS]:
            return ALL, since
        if since := words[L.HEADER_WORDS + row * L.INSTRUMENT_WORDS]:
            return INSTRUMENT, since
        if since := words[self._clients + client * L.CLIENT_WORDS]:
            return CLIENT, since
        return None

    def held_states(self, rows: Sequence[int], client: int) -> list[int] | None:
        """The `held_state` of each row; None if `stopped` finds a stop for any of them."""
        words, at, each = self.words, L.HEADER_WORDS, L.INSTRUMENT_WORDS
        if words[L.H_STOPPED_NS] or words[self._clients + client * L.CLIENT_WORDS]:
            return None
        states = []
        for row in rows:
            word = at + row * each
            if words[word]:
                return None
            states.append(words[word + L.I_HELD_STATE])
        return states

    def held_state(self, row: int) -> int:
        """Index of the market state that the desk has set, or DERIVED."""
        return self.words[L.HEADER_WORDS + row * L.INSTRUMENT_WORDS + L.I_HELD_STATE]

    def forced_model(self, rows: Sequence[int], client: int) -> int:
        """Index of the expiry model that the desk forces for a quote, by the widest control that applies (all,
        instrument, client); of several instruments the most cautious one. BY_RULES if none is forced."""
        words = self.words
        model = words[L.H_MODEL]
        if model != L.BY_RULES:
            return model
        forced = [words[L.HEADER_WORDS + row * L.INSTRUMENT_WORDS + L.I_MODEL] for row in rows]
        for model in _CAUTIOUS_FIRST:
            if model in forced:
                return model
        return words[self._clients + client * L.CLIENT_WORDS + L.C_MODEL]


def find_controls(config: Config, run: RunPaths) -> Controls:
    """The controls of the running service. The supervisor creates the file before it starts any process; without a
    file nothing is restricted. RegionError if the file cannot be used."""
    sizes = len(config.instrument), len(config.client)
    path = run.controls
    return Controls.attach(path, *sizes) if path.exists() else Controls.none(*sizes)
