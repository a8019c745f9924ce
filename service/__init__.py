"""The service around the models: market data in, quotes out."""

from pathlib import Path

from setproctitle import getproctitle

getproctitle()  # finds the command line beside the environment, which it could not once keep() has changed that

import models  # noqa: E402
from models.compiled import keep  # noqa: E402

keep([Path(models.__file__).parent, Path(__file__).parent])
