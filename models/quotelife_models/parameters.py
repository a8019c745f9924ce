"""Fitted parameters: JSON files, one per instrument, stacked into one array for the kernels.

`quotelife_research.calibration` writes a file with the version of the feature schema, the names of the covariates, the
training span, the figures of the out-of-sample test, and a hash of the content that is checked on reading.
"""

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quotelife_models import hazard as H
from quotelife_models.covariates import COVARIATES, N_BASE, N_COVARIATES
from quotelife_models.schema import BIN_ENDS_MS, SCHEMA_VERSION

SHIPPED = Path(str(files("quotelife_models") / "params"))
POOLED = "POOLED"


class ParametersError(Exception):
    """A parameter file that cannot be used; the text names the file and what is wrong."""


class Parameters:
    """The parameters of all instruments. `table` float64[n, N_PARAMETERS] has one row for each file, laid out in
    `quotelife_models.hazard`; row 0 holds the pooled ones. `hash` identifies all of them."""

    def __init__(self, table: npt.NDArray[np.float64], names: list[str], documents: list[dict[str, Any]]) -> None:
        self.table, self.names, self.documents = table, names, documents
        self.hash = hashlib.sha256("".join(d["hash"] for d in documents).encode()).hexdigest()[:16]
        self._rows = {_key(name): i for i, name in enumerate(names)}

    @classmethod
    def load(cls, folder: str | Path | None = None) -> "Parameters":
        """Read every *.json of a folder, the shipped ones if None. Raises ParametersError if one cannot be used."""
        folder = SHIPPED if folder is None else Path(folder)
        documents = [read(path) for path in sorted(folder.glob("*.json")) if path.name != "report.json"]
        documents.sort(key=lambda d: (d["symbol"] != POOLED, d["symbol"]))
        if not documents or documents[0]["symbol"] != POOLED:
            raise ParametersError(f"{folder}: no parameters of {POOLED}, the fallback for a new instrument")
        table = np.stack([to_row(d, documents[0]) for d in documents])
        return cls(table, [d["symbol"] for d in documents], documents)

    def for_symbol(self, name: str) -> int:
        """Row of the instrument's own parameters, else 0, the pooled ones. EUR/USD, EUR-USD and EURUSD are the same."""
        return self._rows.get(_key(name), 0)

    def usual(self, row: int, feature: str) -> float:
        """Median of one of `hazard.MARKET_FEATURES` in the training data."""
        return float(self.table[row, H.USUAL + H.MARKET_FEATURES.index(feature)])


def _key(name: str) -> str:
    return "".join(c for c in name.upper() if c.isalnum())


def content_hash(document: dict[str, Any]) -> str:
    """SHA-256 of the document without its hash, in hexadecimal."""
    content = {key: value for key, value in document.items() if key != "hash"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read(path: Path) -> dict[str, Any]:
    """Read and check one file. Raises ParametersError, which names the file and the key."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ParametersError(f"{path}: {error}") from None
    if not isinstance(document, dict):
        raise ParametersError(f"{path}: allowed: an object, as calibrate writes it")
    expected = {"schema_version": SCHEMA_VERSION, "bin_ends_ms": list(BIN_ENDS_MS), "covariates": list(COVARIATES)}
    for key, value in expected.items():
        if document.get(key) != value:
            raise ParametersError(f"{path}: {key} is {document.get(key)}, this version reads {value}")
    if document.get("hash") != content_hash(document):
        raise ParametersError(f"{path}: content and hash differ; the file was changed after its fit")
    if len(document["alpha"]) != H.N_BINS:
        raise ParametersError(f"{path}: alpha has {len(document['alpha'])} values, this version reads {H.N_BINS}")
    for name in H.REGIME_FEATURES:
        low, high = document["regime"][name]
        if not 0.0 <= low <= high or not high > 0.0:
            raise ParametersError(f"{path}: regime of {name} is {[low, high]}; allowed: 0 <= low <= high, high above 0")
    if not _sound(document.get("trees", [])):
        raise ParametersError(f"{path}: trees has a tree of the wrong length or with an unknown covariate")
    return document


def _sound(trees: list[list[float]]) -> bool:
    """Whether each tree has the right length and uses base covariates only: kernels do not check."""
    known = range(N_BASE)
    return len(trees) <= H.MAX_TREES and all(
        len(tree) == H.TREE_WORDS and all(f in known for f in tree[: 2 * H.TREE_NODES : 2]) for tree in trees
    )


def to_row(document: dict[str, Any], pooled: dict[str, Any]) -> npt.NDArray[np.float64]:
    """The parameters of one file as a row float64[N_PARAMETERS], with those of the pooled file for another regime.

    Raises ParametersError if one is not finite.
    """
    row = np.zeros(H.N_PARAMETERS)
    row[H.ALPHA : H.ALPHA + H.N_BINS] = document["alpha"]
    for at, key in ((H.BETA, "beta"), (H.GAMMA, "gamma"), (H.CENTRE, "centre")):
        row[at : at + N_COVARIATES] = document[key]
    row[H.SCALE : H.SCALE + N_COVARIATES] = 1.0 / np.asarray(document["scale"])
    row[H.ERROR], row[H.POOLED_ERROR] = document["error"], pooled["error"]
    row[H.POOLED : H.POOLED + H.N_THETA] = _standardised_as(document, pooled)
    for i, name in enumerate(H.REGIME_FEATURES):
        row[H.REGIME_LOW + i], row[H.REGIME_HIGH + i] = document["regime"][name]
    row[H.USUAL : H.USUAL + H.N_MARKET] = [document["usual"][name] for name in H.MARKET_FEATURES]
    row[H.HIGH : H.HIGH + H.N_MARKET] = [document["high"][name] for name in H.MARKET_FEATURES]
    row[H.TREE_SHARE] = 1.0
    trees = document.get("trees", [])
    row[H.BOOST] = len(trees)
    for tree, values in enumerate(trees):
        at = H.BOOST + 1 + tree * H.TREE_WORDS
        row[at : at + H.TREE_WORDS] = values
    if not np.isfinite(row).all():
        raise ParametersError(f"{document['symbol']}: parameters that are not finite")
    return row


def _standardised_as(document: dict[str, Any], pooled: dict[str, Any]) -> npt.NDArray[np.float64]:
    """(alpha, beta, gamma) of the pooled file for the standardisation of another file."""
    alpha, beta, gamma, centre, scale = (
        np.asarray(pooled[key], np.float64) for key in ("alpha", "beta", "gamma", "centre", "scale")
    )
    shift = (np.asarray(document["centre"]) - centre) / scale
    ratio = np.asarray(document["scale"]) / scale
    return np.concatenate((alpha + shift @ beta + H.TAU * (shift @ gamma), ratio * beta, ratio * gamma))
