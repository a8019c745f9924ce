"""The OpenAPI 3.1 document, made from the structs that are decoded and encoded."""

from importlib.metadata import version
from typing import Any

import msgspec
import orjson

from quotelife.api.messages import BatchAnswer, Expiry, ExpiryRequest, ProblemDetails, StreamAnswer, StreamRequest
from quotelife.config.sections import Api
from quotelife.http.problems import MEDIA_TYPE

_ROOTS = (ExpiryRequest, Expiry, BatchAnswer, ProblemDetails, StreamRequest, StreamAnswer)
_PROBLEMS = {
    "400": "Not JSON, or not of this shape: field, value and allowed say where.",
    "401": "A token is configured, and this is not it.",
    "403": "The client is not configured (unknown_client), or may not choose a model (not_authorised).",
    "409": "No lifetime: risk, not_useful, size_over_limit, closed, halted, stopped_by_desk, crossed, one_sided.",
    "413": "The body is too large.",
    "422": "The instrument is not known, or does not allow a value: off the tick, off the lot.",
    "429": "Too many requests: of the client, or on this connection.",
    "503": "The market cannot be seen: no_book, stale_book, busy.",
}


def document(api: Api) -> bytes:
    """The document as JSON."""
    _, components = msgspec.json.schema_components(_ROOTS, ref_template="#/components/schemas/{name}")
    schemas = _as_read(components)
    batch = {
        "type": "array",
        "minItems": 1,
        "maxItems": api.max_batch,
        "items": {"description": "An ExpiryRequest; one that is none gets a problem of its own.", "type": "object"},
    }
    paths = {
        "/v1/expiry": {"post": _post("expiry", "How long a price may live", _ref("ExpiryRequest"), _ref("Expiry"))},
        "/v1/expiry:batch": {
            "post": _post("expiryBatch", "The same for many prices at the same moment", batch, _ref("BatchAnswer"))
        },
        "/v1/expiry/stream": {
            "get": {
                "operationId": "expiryStream",
                "summary": "The same over a WebSocket",
                "description": "Each text frame is a StreamRequest, each answer a StreamAnswer with its id, in the "
                "order of the requests. Several may be on their way. A peer that does not read is closed after a "
                "second.",
                "responses": {"101": {"description": "The WebSocket is open."}, **_problems("401", "403")},
            }
        },
        "/v1/openapi.json": {
            "get": {
                "operationId": "openapi",
                "summary": "This document",
                "responses": {"200": {"description": "OpenAPI 3.1.", "content": {"application/json": {}}}},
            }
        },
    }
    secured = {"token": {"type": "http", "scheme": "bearer"}}
    return orjson.dumps(
        {
            "openapi": "3.1.0",
            "info": {"title": "quotelife expiry API", "version": version("quotelife")},
            "servers": [{"url": "/"}],
            "paths": paths,
            "components": {"schemas": schemas, "securitySchemes": secured},
            "security": [{}, {"token": []}],  # the token only where one is configured
        }
    )


def _post(operation: str, summary: str, body: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": operation,
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
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


def _as_read(schema: Any) -> Any:
    """A decimal is read from a number as well as from a text, which the generated schema does not say."""
    if isinstance(schema, dict):
        read = {key: _as_read(value) for key, value in schema.items()}
        if read.get("format") == "decimal":
            read["type"] = ["string", "number"]
        return read
    return [_as_read(value) for value in schema] if isinstance(schema, list) else schema
