"""The configuration file of a simulation: the demo, a scenario, or one for generated instruments."""

import json
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from quotelife.config import load
from quotelife.config.sections import Paths
from quotelife.config.shipped import DEMO, EXAMPLES, base_folder
from quotelife.runtime.options import default_config
from quotelife_sim.markets.synthetic import synthetic_symbols
from quotelife_sim.options import Options

_PATHS = (("paths", "run"), ("paths", "data"), ("paths", "parameters"), ("acceptor", "settings"))


def configuration_file(options: Options, directory: Path) -> Path:
    """The file to run with; for the synthetic market it is written to `directory`. ConfigError if it is not valid."""
    source = source_file(options)
    load(source)
    if options.scenario is not None or options.market != "synthetic":
        return source.resolve()
    raw = _read(source)
    raw["instrument"] = _synthetic_instruments(options.instruments or 1, raw["venue"][0]["name"])
    return _write(raw, directory / "synthetic.toml")


def source_file(options: Options) -> Path:
    """The file that the user has named, or the example of the scenario, or the demo."""
    return options.config or EXAMPLES.get(options.scenario or "", DEMO)


def copy_with_data_folder(source: Path, data: Path, target: Path) -> Path:
    """Write a copy of a configuration file with another data folder to `target`."""
    return _copy(source, target, "paths", "data", str(data))


def copy_with_capture(source: Path, target: Path) -> Path:
    """Write a copy of a configuration file with the capture enabled to `target`."""
    return _copy(source, target, "capture", "enabled", True)


def enables_capture(options: Options) -> bool:
    """Whether a run writes a capture that its configuration leaves out: the examples work without pyarrow."""
    return options.config in (None, *EXAMPLES.values()) and find_spec("pyarrow") is not None


def config_option(options: Options) -> str:
    """The configuration of this run as the option --config of other commands; "" where it is their default."""
    path = source_file(options)
    if path == default_config():
        return ""
    for name, example in EXAMPLES.items():
        if path == example:
            return f" --config {name}"
    return f" --config {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}"


def _read(source: Path) -> dict[str, Any]:
    """The tables of a file with absolute paths, for a copy in another folder."""
    raw = tomllib.loads(source.read_text(encoding="utf-8"))
    _make_absolute(raw, base_folder(source.resolve()))
    return raw


def _copy(source: Path, target: Path, section: str, key: str, value: object) -> Path:
    raw = _read(source)
    raw.setdefault(section, {})[key] = value
    return _write(raw, target)


def _write(raw: dict[str, Any], target: Path) -> Path:
    target.write_text(to_toml(raw), encoding="utf-8")
    load(target)
    return target


def to_toml(table: dict[str, Any], prefix: str = "") -> str:
    """TOML of a table of scalars, lists, tables and lists of tables."""
    plain = {k: v for k, v in table.items() if not _is_table(v)}
    lines = [f"{json.dumps(key)} = {_value(value)}" for key, value in plain.items()]
    for key, value in table.items():
        if not _is_table(value):
            continue
        name = f"{prefix}{json.dumps(key)}"
        for entry in value if isinstance(value, list) else [value]:
            head = f"[[{name}]]" if isinstance(value, list) else f"[{name}]"
            lines += ["", head, to_toml(entry, f"{name}.")]
    return "\n".join(lines)


def _is_table(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_value(v) for v in value)}]"
    return json.dumps(value)


def _synthetic_instruments(count: int, venue: str) -> list[dict[str, Any]]:
    """One [[instrument]] per generated symbol; the two of a pair name each other as correlated."""
    symbols = synthetic_symbols(count)
    entries = []
    for i, symbol in enumerate(symbols):
        entry: dict[str, Any] = {
            "symbol": symbol,
            "tick": "0.01",
            "lot": "1",
            "venue": venue,
            "min_half_spread_ticks": 2.0,
        }
        if i ^ 1 < count:
            entry["correlated"] = symbols[i ^ 1]
        entries.append(entry)
    return entries


def _make_absolute(raw: dict[str, Any], folder: Path) -> None:
    """Make the paths of the source file absolute, and the default of the data folder explicit."""
    defaults = {"data": Paths().data}
    for section, key in _PATHS:
        value = raw.get(section, {}).get(key, defaults.get(key))
        if value is not None:
            raw.setdefault(section, {})[key] = str((folder / value).resolve())
    for venue in raw.get("venue", []):
        for table in (venue, venue.get("secrets", {}), venue.get("tls", {})):
            for key, value in table.items():
                if _names_a_file(key, value):
                    table[key] = str((folder / value).resolve())


def _names_a_file(key: str, value: object) -> bool:
    """Whether a key of [[venue]], [venue.secrets] or [venue.tls] names a file."""
    named = key.endswith("_file") or key in ("ca", "certificate", "key") or (key == "profile" and ".toml" in str(value))
    return named and isinstance(value, str)
