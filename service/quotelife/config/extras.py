"""Which extra of the package brings an optional library, in words for an error message."""

LIBRARIES = {
    "quickfix": ("the FIX engine", "binary"),
    "lightgbm": ("calibration", "fit"),
    "polars": ("calibration", "fit"),
    "cryptography": ("an Ed25519 signature of a Logon", "signing"),
    "pyarrow": ("calibration", "fit"),
    "scipy": ("calibration", "fit"),
    "databento_dbn": ("reading DBN files", "databento"),
    "hdrh": ("the bench", "bench"),
    "matplotlib": ("plots", "plots"),
    "opentelemetry": ("export of traces", "otel"),
    "plotly": ("drawing charts", "report"),
}


def install(extra: str) -> str:
    """How to install an extra, whichever way quotelife itself was installed."""
    return f"pip install 'PATH[{extra}]', where PATH is the repository or the wheel file of quotelife"


def missing(library: str) -> str | None:
    """One line about a library that cannot be imported; None for a library that no extra brings."""
    if library not in LIBRARIES:
        return None
    purpose, extra = LIBRARIES[library]
    return f"the package {library} is missing; {purpose} needs it: {install(extra)}"
