"""The command `quotelife explain`: find quotes, explain them, print."""

import sys

import msgspec
from rich.console import Console

from quotelife.config import Config
from quotelife.config.paths import data_paths
from quotelife.explain.explain import Explainer
from quotelife.explain.lookup import QuoteLookup
from quotelife.explain.terminal import print_explanation
from quotelife.ledger.history import HistoryError
from quotelife.runtime.process import EXIT_FAILED

_MIN_WIDTH = 100  # columns, if the output is not a terminal


def run(config: Config, quote_id: str | None, last: int, as_json: bool) -> int:
    """Explain one quote, or the newest `last`; the exit code. As JSON one object, or a list of them."""
    try:
        lookup = QuoteLookup(config)
        wanted = [quote_id] if quote_id is not None else lookup.newest(last)
        quotes = [lookup.find(each) for each in wanted]
    except HistoryError as error:
        return _fail(str(error))
    if not quotes:
        return _fail(f"{data_paths(config).directory}: no quotes yet")
    if quotes[0] is None:
        return _fail(f"no quote {quote_id}: unknown, or deleted from the history")
    explainer = Explainer(config)
    explanations = [explainer.explain(each) for each in quotes if each is not None]
    if as_json:
        document = explanations[0] if quote_id is not None else explanations
        print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
        return 0
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, _MIN_WIDTH))
    for explanation in explanations:
        print_explanation(console, explanation)
    return 0


def _fail(what: str) -> int:
    print(f"quotelife: {what}", file=sys.stderr)
    return EXIT_FAILED
