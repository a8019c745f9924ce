"""The OpenAPI 3.1 document, generated from the request and response structs."""

from importlib.metadata import version
from typing import Any

import msgspec
import orjson

from quotelife.api.examples import batch_example, expiry_examples, stream_examples
from quotelife.api.messages import BatchAnswer, Expiry, ExpiryRequest, ProblemDetails, StreamAnswer, StreamRequest
from quotelife.config import Config
from quotelife.config.sections import Api
from quotelife.http.problems import MEDIA_TYPE

_ROOTS = (ExpiryRequest, Expiry, BatchAnswer, ProblemDetails, StreamRequest, StreamAnswer)
_TITLE = "quotelife expiry API"
_PROBLEMS = {
    "400": "Malformed: not JSON or not of this shape; see field, value and allowed.",
    "401": "Missing or wrong token.",
    "403": "The client is not configured (unknown_client) or may not select a model (not_authorised).",
    "409": "No lifetime: risk, not_useful, size_over_limit, closed, halted, stopped_by_desk, crossed, one_sided.",
    "413": "The body is too large.",
    "422": "The instrument is unknown, or a value is not a multiple of its tick or lot.",
    "429": "Rate limit of the client or of the connection exceeded.",
    "503": "No usable market data: no_book, stale_book, busy.",
}
_DOCUMENT = {
    "schema": {"type": "object", "required": ["openapi", "info", "paths"]},
    "examples": {"shortened": {"value": {"openapi": "3.1.0", "info": {"title": _TITLE, "version": "0"}, "paths": {}}}},
}


def openapi_document(config: Config, api: Api) -> bytes:
    """The document as JSON bytes. Its examples have the names of the configuration and can be sent as they are."""
    _, components = msgspec.json.schema_components(_ROOTS, ref_template="#/components/schemas/{name}")
    schemas = _with_numbers(components)
    batch = {
        "type": "array",
        "minItems": 1,
        "maxItems": api.max_batch,
        "items": {"description": "An ExpiryRequest; a malformed one gets its own problem.", "type": "object"},
    }
    paths = {
        "/v1/expiry": {
            "post": _post(
                "expiry",
                "Lifetime of a price",
                _content(_ref("ExpiryRequest"), expiry_examples(config)),
                _ref("Expiry"),
            )
        },
        "/v1/expiry:batch": {
            "post": _post(
                "expiryBatch",
                "Lifetimes of several prices as of the same moment",
                _content(batch, {"batch": batch_example(config)}),
                _ref("BatchAnswer"),
            )
        },
        "/v1/expiry/stream": {
            "get": {
                "operationId": "expiryStream",
                "summary": "Lifetimes over a WebSocket",
                "description": "Each text frame is a StreamRequest. Each response is a StreamAnswer with the same id; "
                "responses arrive in request order. A client may send several requests without waiting. A client that "
                "does not read for a second is disconnected." + _frames(stream_examples(config)),
                "responses": {"101": {"description": "The WebSocket is open."}, **_problems("401", "403")},
                # OpenAPI has no place for the messages of a WebSocket.
                "x-stream-request": _content(_ref("StreamRequest"), stream_examples(config)),
            }
        },
        "/v1/openapi.json": {
            "get": {
                "operationId": "openapi",
                "summary": "This document",
                "responses": {"200": {"description": "OpenAPI 3.1.", "content": {"application/json": _DOCUMENT}}},
            }
        },
    }
    secured = {"token": {"type": "http", "scheme": "bearer"}}
    return orjson.dumps(
        {
            "openapi": "3.1.0",
            "info": {"title": _TITLE, "version": version("quotelife")},
            "servers": [{"url": "/"}],
            "paths": paths,
            "components": {"schemas": schemas, "securitySchemes": secured},
            "security": [{}, {"token": []}],  # a token is needed only if one is configured
        }
    )


def _content(schema: dict[str, Any], examples: dict[str, Any]) -> dict[str, Any]:
    """A media type: its schema, and the examples by name."""
    return {"schema": schema, "examples": {name: {"value": value} for name, value in examples.items()}}


def _frames(examples: dict[str, Any]) -> str:
    """The examples as Markdown."""
    frames = "\n".join(orjson.dumps(example).decode() for example in examples.values())
    return f"\n\n```\n{frames}\n```"


def _post(operation: str, summary: str, body: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": operation,
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {
            "200": {"description": "Decided.", "content": {"application/json": {"schema": answer}}},
            **_problems(*_PROBLEMS),
        },
    }


def _problems(*statuses: str) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": _ref("ProblemDetails")}}
    return {status: {"description": _PROBLEMS[status], "content": content} for status in statuses}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _with_numbers(schema: Any) -> Any:
    """Add numbers to the types of a decimal: the decoder accepts them, the generated schema says only strings."""
    if isinstance(schema, dict):
        read = {key: _with_numbers(value) for key, value in schema.items()}
        if read.get("format") == "decimal":
            read["type"] = ["string", "number"]
        return read
    return [_with_numbers(value) for value in schema] if isinstance(schema, list) else schema
