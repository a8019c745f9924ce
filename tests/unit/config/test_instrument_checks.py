"""What an [[instrument]] states about itself: each wrong value is refused by its key."""

from pathlib import Path

import pytest

from quotelife.config import ConfigError, load
from tests.unit.config.test_config import MINIMAL

AT = 'venue = "V"\n\n[[client]]'
DATE = 'settl_date = "20260107"'
FORWARD = "[[instrument.forward]]\ntenor = "


def config(tmp_path: Path, keys: str) -> Path:
    file = tmp_path / "quotelife.toml"
    file.write_text(MINIMAL.replace(AT, f'venue = "V"\n{keys}\n[[client]]'))
    return file


def test_an_instrument_states_what_it_is(tmp_path):
    keys = """
security_ids = { 4 = "EU0009652759", 8 = "EURUSD" }
security_type = ["FOR", "FXSPOT"]
maturity = "20301220"
strike = "105.5"
put_or_call = "call"
currency = "USD"
base_currency = "EUR"
settl_type = "3"
settl_date = "20260107"
[[instrument.forward]]
tenor = "M1"
settl_date = "20260207"
bid_points = "-0.12"
offer_points = "0.03"
[[instrument.forward]]
tenor = "2"
"""
    instrument = load(config(tmp_path, keys)).instrument[0]
    assert instrument.security_types == ["FOR", "FXSPOT"]
    assert instrument.security_ids["4"] == "EU0009652759"
    assert [forward.tenor for forward in instrument.forward] == ["M1", "2"]


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ('security_ids = { "a b" = "X" }', "instrument[0].security_ids.a b"),
        ('security_ids = { 4 = "X Y" }', "instrument[0].security_ids.4"),
        ('maturity = "203013"', "instrument[0].maturity"),
        ('maturity = "20300230"', "instrument[0].maturity"),
        ('maturity = "2030"', "YYYYMM or YYYYMMDD"),
        ('strike = "0"', "instrument[0].strike"),
        ('strike = "1e3"', "instrument[0].strike"),
        ('put_or_call = "both"', "one of call, put"),
        ('currency = "usd"', "capital letters"),
        ('base_currency = "EUR"', "instrument[0].currency: missing"),
        ('base_currency = "EUR"\ncurrency = "EUR"', "instrument[0].base_currency"),
        ('settl_type = "0"', "instrument[0].settl_type"),
        ('settl_date = "20260231"', "instrument[0].settl_date"),
        (FORWARD + '"0"', "instrument[0].forward[0].tenor"),
        (FORWARD + '"M1"\n' + FORWARD + '"M1"', "instrument[0].forward[1].tenor"),
        ('settl_type = "3"\n' + FORWARD + '"3"', "instrument[0].settl_type"),
        (
            'settl_date = "20260107"\n' + FORWARD + '"M1"\nsettl_date = "20260107"',
            "instrument[0].forward[0].settl_date",
        ),
        (FORWARD + '"M1"\nbid_points = "0.1"', "forward[0].offer_points: missing"),
        (FORWARD + '"M1"\nbid_points = "0.011"\noffer_points = "0.02"', "a multiple of the tick"),
        (FORWARD + '"M1"\nbid_points = "0.02"\noffer_points = "0.01"', "at most offer_points"),
    ],
)
def test_a_wrong_value_is_refused_by_its_key(tmp_path, keys, text):
    with pytest.raises(ConfigError) as error:
        load(config(tmp_path, keys))
    assert text in str(error.value)


def test_an_identifier_names_one_instrument(tmp_path):
    file = config(tmp_path, 'security_ids = { 4 = "X" }')
    second = '[[instrument]]\nsymbol = "BBB"\ntick = "1"\nlot = "1"\nvenue = "V"\nsecurity_ids = { 4 = "X" }\n'
    file.write_text(file.read_text() + second)
    with pytest.raises(ConfigError, match="also at instrument") as error:
        load(file)
    assert error.value.key == "instrument[1].security_ids.4"
