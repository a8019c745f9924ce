"""`quotelife stop` and `quotelife resume`: the kill switch from a terminal, by way of the service's HTTP side."""

import http.client
import json
import sys

from quotelife.config import Config, token
from quotelife.runtime.process import EXIT_FAILED

_WAIT_S = 5.0


def send_control(config: Config, path: str, order: dict[str, str]) -> int:
    """Give an order to the running service and print what is in force then; the exit code."""
    admin = config.admin
    headers = {"Content-Type": "application/json"}
    bearer = token(config, "admin")
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    connection = http.client.HTTPConnection(admin.host, admin.port, timeout=_WAIT_S)
    try:
        connection.request("POST", path, json.dumps(order).encode(), headers)
        answer = connection.getresponse()
        document = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        print(f"no service answers at http://{admin.host}:{admin.port}: {error}", file=sys.stderr)
        return EXIT_FAILED
    finally:
        connection.close()
    if answer.status != 200:
        print(f"refused: {document.get('detail', answer.reason)}", file=sys.stderr)
        return EXIT_FAILED
    print("done" if document.pop("changed") else "it was so already")
    print(json.dumps(document, indent=2))
    return 0
