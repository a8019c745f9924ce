"""Routes of what the desk page asks for: /desk/mids, /desk/quotes and /desk/quotes/ID.

A thread of its own reads the history, so that a long search delays neither the stream of the page nor the supervisor.
At most a few requests wait for it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from aiohttp import web

from quotelife.config import Config
from quotelife.dashboard.mids import MidHistory
from quotelife.http.problems import Problem
from quotelife.http.responses import json_response
from quotelife.ledger.quote_filter import QuoteFilter, QuoteKey
from quotelife.ledger.quote_state import EXPIRED, FILLED, INDICATIVE, OPEN, PASSED, REFUSED, WITHDRAWN
from quotelife.runtime.process_tuning import defer_to_other_threads
from quotelife_models.enums import MODELS

if TYPE_CHECKING:
    from quotelife.dashboard.quote_history import QuoteHistory
    from quotelife.dashboard.quote_story import QuoteStories

OUTCOMES = (OPEN, FILLED, EXPIRED, WITHDRAWN, PASSED, INDICATIVE, REFUSED)
_MAX_WAITING = 8
_DEFAULT_LIMIT, _MAX_LIMIT, _MAX_TEXT = 100, 500, 200
_PARAMETERS = ("client", "model", "instrument", "outcome", "text", "before", "limit")
_T = TypeVar("_T")


class DeskHistoryRoutes:
    """Reads with the configuration in force; `mids` is filled by the stream of the page."""

    def __init__(self, config: Config, mids: MidHistory) -> None:
        self._config, self._mids = config, mids
        self._thread = ThreadPoolExecutor(1, "desk-history", defer_to_other_threads)
        self._waiting = 0
        self._quotes: QuoteHistory | None = None
        self._stories: QuoteStories | None = None

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/desk/mids", self._get_mids),
            web.get("/desk/quotes", self._get_quotes),
            web.get("/desk/quotes/{quote_id}", self._get_quote),
        ]

    def configure(self, config: Config) -> None:
        """Read with another version of the configuration."""
        self._config, self._quotes, self._stories = config, None, None

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _get_mids(self, request: web.Request) -> web.Response:
        symbols = [i.symbol for i in self._config.instrument]
        symbol = request.query.get("instrument")
        check("instrument", symbol, symbols)
        return json_response(self._mids.read(symbol or symbols[0]))

    async def _get_quotes(self, request: web.Request) -> web.Response:
        wanted, before, limit = self._read_query(request)
        return json_response(await self._read(lambda: self._page(wanted, before, limit)))

    async def _get_quote(self, request: web.Request) -> web.Response:
        quote_id = request.match_info["quote_id"]
        story = await self._read(lambda: self._story(quote_id))
        if story is None:
            text = f"no quote {quote_id[:64]}: unknown, or deleted from the history"
            raise Problem(HTTPStatus.NOT_FOUND, text, "quote", field="quote_id", value=quote_id[:64])
        return json_response(story)

    def _read_query(self, request: web.Request) -> tuple[QuoteFilter, QuoteKey | None, int]:
        query = {name: value for name, value in request.query.items() if value}
        for name in query:
            if name not in _PARAMETERS:
                raise _problem(name, query[name], list(_PARAMETERS), f"unknown parameter {name[:64]}")
        check("model", query.get("model"), list(MODELS))
        check("outcome", query.get("outcome"), list(OUTCOMES))
        check("instrument", query.get("instrument"), [i.symbol for i in self._config.instrument])
        outcome = next((each for each in OUTCOMES if each == query.get("outcome")), None)
        text = query.get("text")
        if text is not None and len(text) > _MAX_TEXT:
            raise _problem("text", text, f"at most {_MAX_TEXT} characters")
        wanted = QuoteFilter(query.get("client"), query.get("instrument"), query.get("model"), outcome, text)
        return wanted, _cursor(query.get("before")), _limit(query.get("limit"))

    def _page(self, wanted: QuoteFilter, before: QuoteKey | None, limit: int) -> dict[str, object]:
        if self._quotes is None:
            from quotelife.dashboard.quote_history import QuoteHistory  # loads the kernels

            self._quotes = QuoteHistory(self._config)
        if wanted.client is not None and not self._quotes.knows_client(wanted.client):
            raise _problem("client", wanted.client, [client.name for client in self._config.client][:50])
        return self._quotes.page(wanted, before, limit)

    def _story(self, quote_id: str) -> dict[str, object] | None:
        if self._stories is None:
            from quotelife.dashboard.quote_story import QuoteStories  # loads the kernels

            self._stories = QuoteStories(self._config)
        return self._stories.read(quote_id)

    async def _read(self, read: Callable[[], _T]) -> _T:
        if self._waiting >= _MAX_WAITING:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "too many searches at a time; try again", "busy")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, _reading, read)
        finally:
            self._waiting -= 1


def _reading(read: Callable[[], _T]) -> _T:
    """In the thread, where the modules that the history needs are loaded."""
    from quotelife.ledger.history import HistoryError

    try:
        return read()
    except HistoryError as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), "history") from None


def check(field: str, value: str | None, allowed: list[str]) -> None:
    """Problem if a query value is none of those allowed."""
    if value is not None and value not in allowed:
        raise _problem(field, value, allowed[:50])


def _problem(field: str, value: str, allowed: object, text: str = "") -> Problem:
    shown = ", ".join(allowed) if isinstance(allowed, list) else allowed
    detail = text or f"{field} is {value[:64]!r}"
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, f"{detail}; allowed: {shown}", "query", field=field, value=value[:64],
        allowed=allowed,
    )  # fmt: skip


def _cursor(text: str | None) -> QuoteKey | None:
    if text is None:
        return None
    try:
        return QuoteKey.from_cursor(text)
    except ValueError:
        raise _problem("before", text, "the value of next in an earlier answer") from None


def _limit(text: str | None) -> int:
    if text is None:
        return _DEFAULT_LIMIT
    if not text.isdecimal() or not 1 <= int(text) <= _MAX_LIMIT:
        raise _problem("limit", text, f"1 to {_MAX_LIMIT}")
    return int(text)
