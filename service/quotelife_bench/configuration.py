"""Configurations of the bench: service, bare acceptor and market-data initiator, on free ports."""

import re
import socket
from pathlib import Path

from quotelife.acceptor.common.dictionary import relax
from quotelife.config import Config, load, settings_file
from quotelife.config.paths import DataPaths
from quotelife.config.shipped import ENGINE_SETTINGS
from quotelife_bench.load.market import LOT, SERVICE, TICK, VENUE, symbols

CLIENT = "BENCH"
ACCEPTOR = "QUOTELIFE"


def sessions(count: int) -> list[str]:
    """SenderCompIDs of the client's sessions."""
    return [CLIENT] + [f"{CLIENT}{n}" for n in range(1, count)]


def write(
    folder: Path, venue_port: int, instruments: int, n_sessions: int = 1, data: Path | None = None, more: str = "",
    engine: str = "", machine: str = "",
) -> Config:  # fmt: skip
    """Write `quotelife.toml` into `folder`, a folder in memory, and load it. `data` is a data directory elsewhere, if
    the service's data should not be in memory; `more` are lines for every instrument; `engine` is the acceptor's, if
    not the default; `machine` are the lines of [machine]."""
    listed = ", ".join(f'"{name}"' for name in sessions(n_sessions))
    chosen = f'engine = "{engine}"\n' if engine not in ("", "quickfix") else ""
    parts = [
        f'[paths]\nrun = "run"\ndata = "{data or "var"}"\n\n[acceptor]\nport = {free_port()}\n'
        f'sender_comp_id = "{ACCEPTOR}"\n{chosen}\n[admin]\nport = {free_port()}\n',
        f'[[venue]]\nname = "BENCH"\nport = {venue_port}\nsender_comp_id = "{SERVICE.sender_comp_id}"\n'
        f'target_comp_id = "{VENUE.sender_comp_id}"\nbook = "price"\n',
        # No client that picks off, and free withdrawals: a quote has a value however much the market moves.
        f'[[client]]\nname = "Bench"\nsessions = [{listed}]\nrequests_per_second = 1000000\ninformed_share = 0.0\n',
        f"[machine]\n{machine}\n",
        "[models.liquidity_provider]\nwithdrawal_cost_ticks = [0.0, 0.0, 0.0]\n",
    ]
    parts += [
        f'[[instrument]]\nsymbol = "{symbol}"\ntick = "{TICK}"\nlot = "{LOT}"\nvenue = "BENCH"\n'
        # Wide and tolerant enough that every request is quoted, even after a stall: refusals would be measured too.
        f"stale_after_ms = 60000\n{more or 'min_half_spread_ticks = 5'}\n"
        for symbol in symbols(instruments)
    ]
    file = folder / "quotelife.toml"
    file.write_text("\n".join(parts))
    return load(file)


def bare_settings(config: Config, folder: Path, in_memory: bool = False) -> tuple[Path, int]:
    """Settings for a bare acceptor, equal to the service's except for port and store; returns file and port. With
    `in_memory` it stores nothing, as no service can: the fastest that the engine can be."""
    from quotelife.acceptor.quickfix.engine import engine_settings, read_defaults

    port = free_port()
    source = settings_file(config)
    # The service checks connections before it passes them to its engine; the bare engine listens by itself.
    listening = {"SocketAcceptPort": str(port), "AllowedRemoteAddresses": "127.0.0.1"}
    for dictionary in source.parent.glob("*.xml"):
        relax(dictionary, folder / f"dictionary-{dictionary.name}")
    text = engine_settings(config, read_defaults(config, source), DataPaths(folder), folder / "bare")
    head = "\n".join(["[DEFAULT]", *(f"{key}={value}" for key, value in listening.items())])
    text = text.replace("SocketAcceptPort=0\n", "").replace("[DEFAULT]", head, 1)
    if in_memory:
        text = re.sub("FileStorePath=.*\n", "", text).replace("PersistMessages=Y", "PersistMessages=N")
    settings = folder / "bare.cfg"
    settings.write_text(text)
    return settings, port


def initiator_settings(folder: Path, venue_port: int) -> Path:
    """Settings for the market-data baseline: an initiator that validates no more than the service does."""
    settings = folder / "initiator.cfg"
    settings.write_text(
        "[DEFAULT]\nConnectionType=initiator\nHeartBtInt=30\nStartTime=00:00:00\nEndTime=00:00:00\n"
        "NonStopSession=Y\nReconnectInterval=1\nSocketNodelay=Y\nCheckLatency=N\nResetOnLogon=Y\n"
        "ValidateFieldsOutOfOrder=N\nValidateFieldsHaveValues=N\nValidateUserDefinedFields=N\n"
        "AllowUnknownMsgFields=Y\nPersistMessages=N\nUseDataDictionary=Y\n"
        f"DataDictionary={ENGINE_SETTINGS.with_name('FIX44.xml')}\nSocketConnectHost=127.0.0.1\nSocketConnectPort={venue_port}\n"
        f"[SESSION]\nBeginString=FIX.4.4\nSenderCompID={SERVICE.sender_comp_id}\n"
        f"TargetCompID={VENUE.sender_comp_id}\n"
    )
    return settings


def free_port() -> int:
    """A free TCP port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
