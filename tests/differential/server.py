"""A quoting process with one of the engines, fed by a board that does not change: same prices for the same requests.

The board is written once, with a heartbeat of tomorrow, so that no market is stale however slow the machine is. The
parameters make a move of the market so unlikely that each quote lives as long as its instrument allows.
"""

import os
import shutil
from pathlib import Path
from types import TracebackType

from quotelife.config import Config, load
from quotelife.config.client_sections import Client
from quotelife.config.paths import RunPaths
from quotelife.controls.store import ControlsStore
from quotelife.market.board import layout as L
from quotelife.runtime.clock import NS_PER_S, mono_ns
from tests.acceptance.conftest import Process, free_port
from tests.acceptance.market import Market
from tests.acceptance.parameters import write_parameters

_TOMORROW_NS = 86_400 * NS_PER_S
_UNLIKELY = -14.0  # log-odds of a move in each bin

SETTINGS = """
[pricing]
inventory_skew_ticks = 0.0

[withdrawal]
enabled = false

[streaming]
max_per_session = 2

[[venue]]
name = "SIM"
port = 1
sender_comp_id = "QUOTELIFE"
target_comp_id = "SIMVENUE"

[[instrument]]
symbol = "BTC-USD"
tick = "0.5"
lot = "0.001"
venue = "SIM"
max_quantity = 20.0
max_lifetime_ms = 60000.0

[[instrument]]
symbol = "ETH-USD"
tick = "0.01"
lot = "1"
venue = "SIM"
max_quantity = 1000
max_lifetime_ms = 60000.0
security_type = "FXSPOT"
security_ids = { "4" = "XX0000000001" }

[[instrument]]
symbol = "EUR/USD"
tick = "0.00001"
lot = "0.01"
venue = "SIM"
max_quantity = 10000000.0
max_position = 1000000000.0
max_lifetime_ms = 60000.0
currency = "USD"
base_currency = "EUR"
settl_date = "20991231"

[[instrument.forward]]
tenor = "M1"
settl_date = "21000131"
bid_points = "0.00201"
offer_points = "0.00204"

[[instrument]]
symbol = "VOL"
tick = "0.1"
lot = "1"
venue = "SIM"
quotable = false

[[instrument]]
symbol = "EMPTY"
tick = "0.1"
lot = "1"
venue = "SIM"
"""

# Symbol: best bid and offer in ticks, lots of each level
BOOKS = {"BTC-USD": (200, 204, 50_000), "ETH-USD": (2_000, 2_002, 500), "EUR/USD": (110_000, 110_002, 500_000_000)}

VERSIONS = ("FIX.4.4", "FIX.4.2", "FIX.5.0SP2")
BEGIN_STRINGS = {"FIX.4.4": "FIX.4.4", "FIX.4.2": "FIX.4.2", "FIX.5.0SP2": "FIXT.1.1"}
LOGON_FIELDS: dict[str, list[tuple[int | str, int]]] = {"FIX.4.4": [], "FIX.4.2": [], "FIX.5.0SP2": [(1137, 9)]}


def session_name(number: int) -> str:
    return f"DIFF{number}"


def version_of(number: int) -> str:
    """The FIX version of the session with this number."""
    return VERSIONS[number % len(VERSIONS)]


def is_patient(number: int) -> bool:
    """Whether the session's client may send more than one request."""
    return number // len(VERSIONS) % 8 != 6


def client_section(number: int) -> str:
    """The [[client]] of one session. Terms differ between them, so that requests of all are refused for all reasons."""
    name, kind = session_name(number), number // len(VERSIONS)
    lines = [
        f'[[client]]\nname = "{name}"',
        f'sessions = ["{name}"]',
        f'versions = {{ {name} = "{version_of(number)}" }}',
    ]
    lines.append(f'tier = "{("strategic", "ordinary", "restricted")[kind % 3]}"')
    lines.append(f"extensions = {str(kind % 2 == 0).lower()}")
    lines.append(f"disclose = {str(kind % 4 == 0).lower()}")
    lines.append(f"may_choose_model = {str(kind % 3 == 0).lower()}")
    if kind % 4 == 1:
        lines.append("max_quantity = 5.0")
    if kind % 4 == 3:
        lines.append("max_position = 20.0")
    if not is_patient(number):
        lines.append("requests_per_second = 0.0001")  # the first request, and no other for hours
    return "\n".join(lines) + "\n"


class Server:
    """A running quoting process; `sessions` clients may log on, each with a session."""

    def __init__(self, folder: Path, engine: str, sessions: int) -> None:
        folder.mkdir()
        self.engine, self.port = engine, free_port()
        self._run = Path(f"/dev/shm/quotelife-test-{os.getpid()}-{self.port}")
        write_parameters(folder / "parameters", _UNLIKELY)
        config = folder / "quotelife.toml"
        config.write_text(
            f'[paths]\nrun = "{self._run}"\ndata = "{folder / "var"}"\nparameters = "{folder / "parameters"}"\n'
            f'[acceptor]\nport = {self.port}\nengine = "{engine}"\nmax_pending = 1000\n'
            f"{SETTINGS}\n{''.join(map(client_section, range(sessions)))}"
        )
        assert isinstance(load(config).client[0], Client)
        self._write_board(config)
        self._set_controls(load(config))
        self._process = Process("quotelife.acceptor.process", "--config", str(config))

    def _write_board(self, config: Path) -> None:
        market = Market(str(config))
        for symbol, (bid, ask, size) in BOOKS.items():
            market.do({"do": "book", "symbol": symbol, "bid": bid, "ask": ask, "size": size})
        market.board.beat(mono_ns() + _TOMORROW_NS)
        market.board.venues[:, L.V_LAST_RECEIVED_NS] = mono_ns() + _TOMORROW_NS

    def _set_controls(self, config: Config) -> None:
        """What the desk has set: models and a market state, so that both engines decide by them, too."""
        controls = ControlsStore(config, RunPaths(self._run), lambda _text: None)
        controls.force_model("instrument", "ETH-USD", "risk_averse")
        controls.hold_market("EUR/USD", "stressed")
        for client in config.client[::4]:
            controls.force_model("client", client.name, "client_priority")

    @property
    def log(self) -> str:
        """What the process has logged."""
        return "".join(self._process.stderr)

    def running(self) -> bool:
        return self._process.running()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        try:
            if self._process.running():
                self._process.stop()
        finally:
            shutil.rmtree(self._run, ignore_errors=True)
