"""The command `quotelife reload`, over the service's HTTP API."""

from quotelife.admin.commands.service_request import request
from quotelife.config import Config
from quotelife.runtime.process import EXIT_FAILED

_TIMEOUT_S = 60.0


def run(config: Config, check_only: bool) -> int:
    """Have the running service put the file in force, and print what has changed; the exit code."""
    document = request(config, "POST", "/v1/reload", {"check": check_only}, _TIMEOUT_S)
    if document is None:
        return EXIT_FAILED
    for change in document["changes"]:
        print(change)
    state = "is in force" if document["changed"] else "stays in force"
    print(f"configuration {document['version']} ({document['hash']}) {state}")
    return 0
