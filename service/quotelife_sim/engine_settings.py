"""QuickFIX settings of the simulation's peers."""

from collections.abc import Mapping, Sequence
from pathlib import Path


def write_settings(path: Path, defaults: Mapping[str, object], sessions: Sequence[Mapping[str, object]]) -> Path:
    """An engine settings file: one [DEFAULT], then one [SESSION] each."""
    lines = ["[DEFAULT]", *(f"{key}={value}" for key, value in defaults.items())]
    for session in sessions:
        lines += ["[SESSION]", *(f"{key}={value}" for key, value in session.items())]
    path.write_text("\n".join(lines) + "\n")
    return path


COMMON = {
    "BeginString": "FIX.4.4",
    "StartTime": "00:00:00",
    "EndTime": "00:00:00",
    "UseDataDictionary": "N",
    "ResetOnLogon": "Y",
    "PersistMessages": "N",  # a gap is filled, not re-sent: market data and quotes of the past are worth nothing
    "TimestampPrecision": "6",
    "SocketNodelay": "Y",
    "CheckLatency": "N",
}
