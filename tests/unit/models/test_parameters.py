"""Parameter files: their table, their hash and the errors of unusable ones."""

import json
from pathlib import Path

import numpy as np
import pytest

from quotelife_models import hazard as H
from quotelife_models.covariates import COVARIATES, N_COVARIATES
from quotelife_models.parameters import POOLED, Parameters, ParametersError, content_hash
from quotelife_models.schema import BIN_ENDS_MS, SCHEMA_VERSION


def document(symbol: str, **changes: object) -> dict:
    made = {
        "symbol": symbol,
        "schema_version": SCHEMA_VERSION,
        "bin_ends_ms": list(BIN_ENDS_MS),
        "covariates": list(COVARIATES),
        "alpha": [-3.0] * H.N_BINS,
        "beta": [0.1] * N_COVARIATES,
        "gamma": [0.2] * N_COVARIATES,
        "centre": [0.3] * N_COVARIATES,
        "scale": [2.0] * N_COVARIATES,
        "factor": [0.01] * (H.N_FACTOR * (H.N_FACTOR + 1) // 2),
        "usual": dict.fromkeys(H.MARKET_FEATURES, 1.0),
        "high": dict.fromkeys(H.MARKET_FEATURES, 4.0),
    } | changes
    return made | {"hash": content_hash(made)}


def write(folder: Path, *documents: dict) -> Path:
    for d in documents:
        (folder / f"{d['symbol']}.json").write_text(json.dumps(d))
    return folder


def test_a_folder_becomes_a_table(tmp_path: Path) -> None:
    p = Parameters.load(write(tmp_path, document("ABC"), document(POOLED, alpha=[-5.0] * H.N_BINS)))
    assert p.names == [POOLED, "ABC"]
    assert p.table.shape == (2, H.N_PARAMETERS)
    assert (p.for_symbol("ABC"), p.for_symbol("unheard of"), p.for_symbol(POOLED)) == (1, 0, 0)
    assert p.for_symbol("A-b/c") == 1
    assert p.table[0, H.ALPHA] == -5.0
    assert p.table[1, H.SCALE] == 0.5
    assert p.usual(1, "spread") == 1.0


def test_an_unusable_parameter_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ParametersError, match="POOLED"):
        Parameters.load(write(tmp_path, document("ABC")))
    changed = document(POOLED)
    changed["alpha"][0] = -1.0
    for wrong, said in (
        (changed, "hash"),
        (document(POOLED, schema_version=SCHEMA_VERSION + 1), "schema_version"),
        (document(POOLED, covariates=["other"]), "covariates"),
        (document(POOLED, factor=[0.0]), "length"),
        (document(POOLED, alpha=[float("nan")] * H.N_BINS), "finite"),
    ):
        with pytest.raises(ParametersError, match=said):
            Parameters.load(write(tmp_path, wrong))
    (tmp_path / "POOLED.json").write_text("{")
    with pytest.raises(ParametersError, match=r"POOLED\.json"):
        Parameters.load(tmp_path)


def test_the_hash_changes_with_any_file(tmp_path: Path) -> None:
    one = Parameters.load(write(tmp_path, document(POOLED))).hash
    two = Parameters.load(write(tmp_path, document(POOLED, beta=[0.2] * N_COVARIATES))).hash
    assert one != two


def test_factor_is_read_column_by_column(tmp_path: Path) -> None:
    factor = np.tril(np.arange(1.0, H.N_FACTOR**2 + 1).reshape(H.N_FACTOR, H.N_FACTOR))
    flat = factor.T[np.triu_indices(H.N_FACTOR)].tolist()
    row = Parameters.load(write(tmp_path, document(POOLED, factor=flat))).table[0]
    z = np.linspace(-1.0, 1.0, N_COVARIATES)
    expected = np.linalg.norm(factor.T @ np.concatenate(([1.0], z)))
    assert H.standard_error(row, z, np.empty(H.FACTOR_WORK)) == pytest.approx(expected)
