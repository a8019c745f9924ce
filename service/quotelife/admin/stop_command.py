"""Commands `quotelife stop` and `quotelife resume`: the kill switch from a terminal, over the service's HTTP API."""

import json

from quotelife.admin.service_request import request
from quotelife.config import Config
from quotelife.runtime.process import EXIT_FAILED


def send_control(config: Config, path: str, control: dict[str, object]) -> int:
    """Send a control to the running service and print the controls then in force; the exit code."""
    document = request(config, "POST", path, control)
    if document is None:
        return EXIT_FAILED
    print("done" if document.pop("changed") else "no change")
    print(json.dumps(document, indent=2))
    return 0
