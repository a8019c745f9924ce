"""Answers in JSON."""

from http import HTTPStatus

import orjson
from aiohttp import web


def json_response(document: object, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """A document as JSON, on one line."""
    return web.Response(status=status, body=orjson.dumps(document) + b"\n", content_type="application/json")
