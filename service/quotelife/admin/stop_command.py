"""Commands `quotelife stop` and `quotelife resume`: the kill switch from a terminal, over the service's HTTP API."""

import http.client
import json
import sys

from quotelife.config import Config, token
from quotelife.runtime.process import EXIT_FAILED

_TIMEOUT_S = 5.0


def send_control(config: Config, path: str, control: dict[str, str]) -> int:
    """Send a control to the running service and print the controls then in force; the exit code."""
    admin = config.admin
    headers = {"Content-Type": "application/json"}
    bearer = token(config, "admin")
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    connection = http.client.HTTPConnection(admin.host, admin.port, timeout=_TIMEOUT_S)
    try:
        connection.request("POST", path, json.dumps(control).encode(), headers)
        answer = connection.getresponse()
        document = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        where, why = f"http://{admin.host}:{admin.port}", getattr(error, "strerror", None) or error
        print(f"{config.file}: no response from the service at {where} ({why}); is it running?", file=sys.stderr)
        return EXIT_FAILED
    finally:
        connection.close()
    if answer.status != 200:
        print(f"{config.file}: refused: {document.get('detail', answer.reason)}", file=sys.stderr)
        return EXIT_FAILED
    print("done" if document.pop("changed") else "no change")
    print(json.dumps(document, indent=2))
    return 0
