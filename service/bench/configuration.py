"""The bench's own configuration: its venue, its instruments, one client, run directory and ports of its own."""

import socket
from pathlib import Path

from service.bench.market import LOT, SERVICE, TICK, VENUE, symbols
from service.config import Config, load

CLIENT = "BENCH"
ACCEPTOR = "QUOTELIFE"
_SETTINGS = Path(__file__).parents[2] / "fix_config" / "acceptor.cfg"


def write(folder: Path, venue_port: int, instruments: int) -> Config:
    """Write `quotelife.toml` into `folder`, which lies in memory, and read it."""
    parts = [
        f'[paths]\nrun = "run"\ndata = "var"\n\n[acceptor]\nport = {free_port()}\nsender_comp_id = "{ACCEPTOR}"\n'
        f'settings = "{_SETTINGS}"\n\n[admin]\nport = 0\n',
        f'[[venue]]\nname = "BENCH"\nport = {venue_port}\nsender_comp_id = "{SERVICE.sender_comp_id}"\n'
        f'target_comp_id = "{VENUE.sender_comp_id}"\nbook = "price"\n',
        f'[[client]]\nname = "Bench"\nsessions = ["{CLIENT}"]\nrequests_per_second = 1000000\n',
    ]
    parts += [
        f'[[instrument]]\nsymbol = "{symbol}"\ntick = "{TICK}"\nlot = "{LOT}"\nvenue = "BENCH"\n'
        # Wide enough that a quote is worth giving: refusals would be measured otherwise.
        "min_half_spread_ticks = 5\n"
        for symbol in symbols(instruments)
    ]
    file = folder / "quotelife.toml"
    file.write_text("\n".join(parts))
    return load(file)


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
