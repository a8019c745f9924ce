"""Feeds of a configuration, connected to their venues over sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from quotelife.config import load
from quotelife.config.venues.venue_sessions import venue_sessions
from quotelife.marketdata.process import make_connection
from tests.acceptance.marketdata.venues.driven_feed import Service


@contextlib.asynccontextmanager
async def live(folder: Path, configuration: str, secrets: dict[str, str] | None = None) -> AsyncIterator[Service]:
    """The service of a configuration while its connections run; logged out and closed at the end."""
    service = Service(folder, configuration, secrets)
    config = load(folder / "quotelife.toml")
    connections = [
        make_connection(config, session.venue, feed)
        for session, feed in zip(venue_sessions(config), service.feeds, strict=True)
    ]
    running = [asyncio.create_task(connection.run()) for connection in connections]
    try:
        yield service
    finally:
        for connection in connections:
            connection.stop()
        await asyncio.wait_for(asyncio.gather(*running), 10)
