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
        "error": 0.1,
        "regime": {name: [1.0, 4.0] for name in H.REGIME_FEATURES},
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
        (document(POOLED, regime={"spread": [4.0, 1.0]}), "regime of spread"),
        (document(POOLED, alpha=[0.0]), "alpha has 1 values"),
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


def test_the_pooled_fit_of_a_row_has_its_own_log_odds_in_the_standardisation_of_the_row(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    pooled = document(POOLED, beta=rng.normal(size=N_COVARIATES).tolist(), scale=[0.5] * N_COVARIATES, error=0.7)
    row = Parameters.load(write(tmp_path, document("ABC"), pooled)).table
    raw = rng.normal(size=N_COVARIATES)
    z = [(raw - r[H.CENTRE : H.SCALE]) * r[H.SCALE : H.ERROR] for r in row]
    theta = (row[0, H.ALPHA : H.CENTRE], row[1, H.POOLED : H.POOLED + H.N_THETA])
    for k in range(H.N_BINS):
        own, inside = (
            t[k] + (t[H.N_BINS : H.GAMMA] + H.TAU[k] * t[H.GAMMA :]) @ covariates
            for t, covariates in zip(theta, z, strict=True)
        )
        assert inside == pytest.approx(own)
    assert (row[1, H.ERROR], row[1, H.POOLED_ERROR]) == (0.1, 0.7)
    assert (row[1, H.REGIME_LOW], row[1, H.REGIME_HIGH]) == (1.0, 4.0)
