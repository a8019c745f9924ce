"""Requests of the commands to the running service, over its HTTP API."""

import http.client
import json
import sys

from quotelife.config import Config, token

_TIMEOUT_S = 10.0


def request(
    config: Config, method: str, path: str, body: dict[str, object] | None = None, timeout_s: float = _TIMEOUT_S
) -> dict | None:
    """The service's answer. None if there is none, or if it refuses; the standard error then has one line about it."""
    admin = config.admin
    headers = {"Content-Type": "application/json"}
    bearer = token(config, "admin")
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    connection = http.client.HTTPConnection(admin.host, admin.port, timeout=timeout_s)
    try:
        connection.request(method, path, None if body is None else json.dumps(body).encode(), headers)
        answer = connection.getresponse()
        document: dict = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        where, why = f"http://{admin.host}:{admin.port}", getattr(error, "strerror", None) or error
        print(f"{config.file}: no response from the service at {where} ({why}); is it running?", file=sys.stderr)
        return None
    finally:
        connection.close()
    if answer.status != 200:
        print(f"{config.file}: refused: {document.get('detail', answer.reason)}", file=sys.stderr)
        return None
    return document
