"""The table of parameters with a row for every instrument, and the changes that learning may make to a row.

The table has the order of the board's rows, so its shape is fixed while the service runs: one table can replace another
between two decisions, and the row number of an open quote stays valid.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

from quotelife.config import Config
from quotelife_models import hazard as H
from quotelife_models.parameters import Parameters

Floats = NDArray[np.float64]
HASH_DIGITS = 16
MAX_SHIFT = 3.0  # of the log-odds: a factor of twenty in the odds
MIN_SLOPE, MAX_SLOPE = 0.3, 2.0


def build_table(config: Config, parameters: Parameters) -> Floats:
    """The configured parameters as float64[instruments, N_PARAMETERS], in the order of the configuration."""
    rows = [parameters.for_symbol(i.parameters or i.symbol) for i in config.instrument]
    return np.ascontiguousarray(parameters.table[rows])


def origin(config: Config, table: Floats) -> str:
    """Digest of the instruments and their configured parameters: a table learnt from another origin cannot be used."""
    digest = hashlib.sha256("\0".join(i.symbol for i in config.instrument).encode())
    digest.update(table.tobytes())
    return digest.hexdigest()[:HASH_DIGITS]


def row_digest(row: Floats) -> str:
    return hashlib.sha256(row.tobytes()).hexdigest()[:HASH_DIGITS]


def table_hash(configured: str, table: Floats) -> str:
    """The hash of a learnt table, from the `Parameters.hash` of the configured one."""
    return hashlib.sha256(configured.encode() + table.tobytes()).hexdigest()[:HASH_DIGITS]


def adjust_row(row: Floats, intercept: float, slope: float) -> Floats:
    """The row whose log-odds in every bin are intercept + slope * those of `row`."""
    new = row.copy()
    new[H.ALPHA : H.BETA] = intercept + slope * row[H.ALPHA : H.BETA]
    new[H.BETA : H.CENTRE] *= slope
    new[H.ERROR] *= slope
    new[H.POOLED : H.POOLED + H.N_BINS] = intercept + slope * row[H.POOLED : H.POOLED + H.N_BINS]
    new[H.POOLED + H.N_BINS : H.POOLED + H.N_THETA] *= slope
    new[H.POOLED_ERROR] *= slope
    for tree in range(int(row[H.BOOST])):
        at = H.BOOST + 1 + tree * H.TREE_WORDS
        new[at + 2 * H.TREE_NODES : at + H.TREE_WORDS] *= slope
    return new


def is_usable(row: Floats) -> bool:
    """Whether kernels can use a row that was read from a file: they do not check it."""
    if row.shape != (H.N_PARAMETERS,) or row.dtype != np.float64 or not np.isfinite(row).all():
        return False
    trees = int(row[H.BOOST])
    if not 0 <= trees <= H.MAX_TREES or trees != row[H.BOOST]:
        return False
    words = row[H.BOOST + 1 : H.BOOST + 1 + trees * H.TREE_WORDS].reshape(trees, H.TREE_WORDS)
    covariates = words[:, : 2 * H.TREE_NODES : 2]
    return bool(np.isin(covariates, np.arange(H.N_BASE)).all())
