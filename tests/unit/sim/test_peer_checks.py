"""What the simulated venue and clients cannot deal with is one line and exit code 2, before anything is started."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from quotelife.config.shipped import DEMO, ETH_NEWS_SHOCK
from quotelife_sim.options import SHOCK, Options
from quotelife_sim.simulate import simulate
from tests.acceptance.simulation import configuration


def refusal(capsys, options: Options) -> str:
    assert simulate(options) == 2
    output = capsys.readouterr()
    assert output.err.count("\n") == 1 and "Traceback" not in output.err
    return output.err


def clients(**more: Any) -> list[dict[str, Any]]:
    return [{"name": "One", "sessions": ["ONE"], **more}, {"name": "Two", "sessions": ["TWO"]}]


def test_a_scenario_needs_its_instruments(tmp_path: Path, capsys) -> None:
    path = configuration(tmp_path, DEMO)
    said = refusal(capsys, Options(scenario=SHOCK, config=path))
    assert f"{path}: --scenario {SHOCK} plays ETH-27NOV26-3000-C" in said and "[[instrument]]" in said


def test_the_recorded_market_needs_its_instrument(tmp_path: Path, capsys) -> None:
    assert "--market sample plays BTC-USD" in refusal(capsys, Options(config=configuration(tmp_path, ETH_NEWS_SHOCK)))


@pytest.mark.parametrize(
    ("scenario", "replaced", "says"),
    [
        (SHOCK, {"client": clients()[:1]}, "1 [[client]] to simulate; needed: 2"),
        (None, {"client": [{"name": "Free", "sessions": ["EXTERNAL"]}]}, "0 [[client]] to simulate; needed: 1"),
        (None, {"client": clients(versions={"ONE": "FIX.4.2"})}, "client One uses FIX.4.2; allowed"),
        (None, {"client": clients(logon={"ONE": {"username": "u"}})}, "client One logs on with a secret"),
    ],
)
def test_clients_that_cannot_be_simulated(tmp_path: Path, capsys, scenario, replaced, says) -> None:
    source = ETH_NEWS_SHOCK if scenario else DEMO
    path = configuration(tmp_path, source, **replaced)
    said = refusal(capsys, Options(scenario=scenario, market=None if scenario else "synthetic", config=path))
    assert f"{path}: {says}" in said


@pytest.mark.parametrize(
    ("key", "value", "says"), [("profile", "kraken", "profile 'kraken'"), ("tls", {}, "the simulated venue has no TLS")]
)
def test_venues_that_cannot_be_simulated(tmp_path: Path, capsys, key, value, says) -> None:
    venue = tomllib.loads(DEMO.read_text())["venue"][0]
    if key == "profile":
        venue |= {"book": "price"}
    path = configuration(tmp_path, DEMO, venue=[venue | {key: value}])
    assert says in refusal(capsys, Options(config=path))
