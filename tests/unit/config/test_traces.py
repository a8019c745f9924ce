"""Which requests are traced, by the variables of OpenTelemetry."""

import pytest

from quotelife.config import ConfigError, traces
from quotelife.config.extras import missing
from quotelife.config.traces import traced_share


@pytest.mark.parametrize(
    ("variables", "share"),
    [
        ({}, None),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_TRACES_SAMPLER_ARG": "1"}, None),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, 0.01),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_TRACES_SAMPLER_ARG": "1"}, 1.0),
    ],
)
def test_share_is_that_of_the_environment(variables, share, monkeypatch):
    monkeypatch.setattr(traces, "find_spec", lambda name: name)
    assert traced_share(variables) == share


@pytest.mark.parametrize("share", ["0", "1.5", "-1", "half", ""])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ConfigError, match=f"OTEL_TRACES_SAMPLER_ARG = '{share}': allowed: a share above 0"):
        traced_share({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_TRACES_SAMPLER_ARG": share})


def test_missing_libraries_are_one_line_with_the_extra(monkeypatch):
    monkeypatch.setattr(traces, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError) as raised:
        traced_share({"OTEL_TRACES_EXPORTER": "otlp"})
    line = missing(raised.value.name)
    assert line is not None and "[otel]" in line and "\n" not in line
