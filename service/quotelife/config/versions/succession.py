"""Keeps numbers while the service runs: a client has the same index, a session the same number in every later version.

The journal, the controls and the clients' statistics name clients and sessions by number. So a new version has the
clients of the one before in the same order, new ones after them, and a removed one stays as a client without sessions.
Instruments and venues are rows of shared memory, so they keep their order too, whatever the order in the file.
A service that starts counts anew: each record names its version, by which its numbers are read.
"""

from collections.abc import Callable
from typing import TypeVar

from msgspec.structs import replace

from quotelife.config.client_sections import Client
from quotelife.config.sections import Config

T = TypeVar("T")


def numbered_sessions(config: Config) -> list[str]:
    """All sessions by their number in the journal, which counts from 1."""
    return config.session_numbers or [session for client in config.client for session in client.sessions]


def succeed(in_force: Config, new: Config) -> Config:
    """`new` with the order of the configuration that it replaces."""
    wanted = {client.name: client for client in new.client}
    known = {client.name for client in in_force.client}
    clients = [wanted.get(client.name) or _retired(client) for client in in_force.client]
    clients += [client for client in new.client if client.name not in known]
    sessions = list(numbered_sessions(in_force))
    sessions += [s for client in clients for s in client.sessions if s not in sessions]
    return replace(
        new,
        venue=_in_order(in_force.venue, new.venue, lambda venue: venue.name),
        instrument=_in_order(in_force.instrument, new.instrument, lambda instrument: instrument.symbol),
        client=clients,
        session_numbers=sessions,
    )


def owners(config: Config) -> dict[str, Client]:
    """The client of each session that may log on."""
    return {session: client for client in config.client for session in client.sessions}


def _in_order(known: list[T], items: list[T], name: Callable[[T], str]) -> list[T]:
    """The items in the order in which they are known, new ones after them."""
    places = {name(item): place for place, item in enumerate(known)}
    return sorted(items, key=lambda item: places.get(name(item), len(places)))


def _retired(client: Client) -> Client:
    return replace(client, sessions=[], logon={})
