"""A parameter file for tests: the same hazard whatever the market does, so that lifetimes can be foreseen."""

import json
from pathlib import Path

from quotelife_models import hazard as H
from quotelife_models.covariates import COVARIATES, N_COVARIATES
from quotelife_models.parameters import POOLED, content_hash
from quotelife_models.schema import BIN_ENDS_MS, SCHEMA_VERSION


def write_parameters(folder: Path, alpha: float = -5.0) -> Path:
    """Write the pooled parameters into `folder`; `alpha` is the log-odds of a move in each bin."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "symbol": POOLED,
        "schema_version": SCHEMA_VERSION,
        "bin_ends_ms": list(BIN_ENDS_MS),
        "covariates": list(COVARIATES),
        "alpha": [alpha] * H.N_BINS,
        "beta": [0.0] * N_COVARIATES,
        "gamma": [0.0] * N_COVARIATES,
        "centre": [0.0] * N_COVARIATES,
        "scale": [1.0] * N_COVARIATES,
        "error": 0.0,
        "regime": {name: [0.0, 1e9] for name in H.REGIME_FEATURES},
        "usual": dict.fromkeys(H.MARKET_FEATURES, 2.0),
        "high": dict.fromkeys(H.MARKET_FEATURES, 1000.0),
    }
    document["hash"] = content_hash(document)
    (folder / f"{POOLED}.json").write_text(json.dumps(document), encoding="utf-8")
    return folder
