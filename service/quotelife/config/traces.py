"""Whether the recorder exports traces, by the variables that OpenTelemetry defines for every program.

    OTEL_TRACES_EXPORTER=otlp            exports; without it, or with any other value, there are no traces
    OTEL_TRACES_SAMPLER_ARG=0.01         the share of requests with a trace, 0.01 by default
    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318

The exporter itself reads the last one, and OTEL_EXPORTER_OTLP_HEADERS, which may hold a password.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from quotelife.config.toml_file import ConfigError

_EXPORTER, _SHARE = "OTEL_TRACES_EXPORTER", "OTEL_TRACES_SAMPLER_ARG"
_DEFAULT_SHARE = "0.01"


def traced_share(environment: Mapping[str, str]) -> float | None:
    """The share of requests that are traced, above 0 and up to 1; None without traces. ConfigError for another share,
    ModuleNotFoundError if the libraries are missing."""
    if environment.get(_EXPORTER, "").strip() != "otlp":
        return None
    text = environment.get(_SHARE, _DEFAULT_SHARE)
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 < share <= 1.0:
        raise ConfigError(Path("the environment"), _SHARE, text, "allowed: a share above 0 and up to 1")
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.exporter.otlp.proto.http") is None:
        raise ModuleNotFoundError("opentelemetry", name="opentelemetry")
    return share
