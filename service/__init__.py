"""The service around the models: market data in, quotes out."""

from pathlib import Path

import models
from models.compiled import keep

keep([Path(models.__file__).parent, Path(__file__).parent])
