"""How many sessions a venue gets, and which instruments."""

from pathlib import Path

import pytest

from quotelife.config import ConfigError, load
from quotelife.config.venues.venue_sessions import session_names, venue_blocks, venue_sessions

VENUE = """
[[venue]]
name = "{name}"
port = 9000
sender_comp_id = "Q"
target_comp_id = "V"
profile = "{profile}"
"""
INSTRUMENT = """
[[instrument]]
symbol = "{symbol}"
tick = "0.01"
lot = "1"
venue = "{venue}"
quotable = false
"""
CLIENT = """
[[client]]
name = "Desk"
sessions = ["DESK"]
"""
PROFILE = 'title = "test"\ntried = "nowhere"\n'


def configure(folder: Path, instruments: str, profile: str = "", names: tuple[str, ...] = ("V", "W")) -> Path:
    """`instruments` are letters of venues; the first one speaks the profile's dialect."""
    (folder / "p.toml").write_text(PROFILE + profile)
    text = "".join(VENUE.format(name=name, profile="p.toml" if name == "V" else "generic") for name in names)
    venues = {letter: {"S": "signals"}.get(letter, letter) for letter in instruments}
    text += "".join(INSTRUMENT.format(symbol=f"I{n}", venue=venues[v]) for n, v in enumerate(instruments))
    file = folder / "q.toml"
    file.write_text(text + CLIENT)
    return file


def refusal(file: Path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(file)
    return caught.value


def test_one_session_for_each_venue(tmp_path):
    sessions = venue_sessions(load(configure(tmp_path, "VWVS")))
    assert [(s.name, s.number, s.block, s.instruments) for s in sessions] == [("V", 1, 0, (0, 2)), ("W", 1, 1, (1,))]
    assert venue_blocks(sessions) == {(0, "V"): 0, (2, "V"): 0, (1, "W"): 1}


def test_venue_without_instruments_has_a_session(tmp_path):
    assert session_names(load(configure(tmp_path, "W"))) == ["V", "W"]


def test_symbols_beyond_a_session_get_further_ones(tmp_path):
    config = load(configure(tmp_path, "VVWVVV", "[pacing]\nsymbols_per_session = 2\nsessions = 3"))
    sessions = venue_sessions(config)
    assert [(s.name, s.number, s.block, s.instruments) for s in sessions] == [
        ("V", 1, 0, (0, 1)),
        ("V#2", 2, 1, (3, 4)),
        ("V#3", 3, 2, (5,)),
        ("W", 1, 3, (2,)),
    ]
    assert venue_blocks(sessions)[2, "W"] == 3


def test_a_replacing_request_limits_the_session(tmp_path):
    shape = "[subscription]\nreplaces = true\nsymbols_per_request = 2\n"
    assert session_names(load(configure(tmp_path, "VVV", shape))) == ["V", "V#2", "W"]
    unlimited = shape.replace("= 2", "= 0")
    assert session_names(load(configure(tmp_path, "VVV", unlimited))) == ["V", "W"]


def test_more_sessions_than_the_venue_allows(tmp_path):
    file = configure(tmp_path, "VVVVV", "[pacing]\nsymbols_per_session = 2\nsessions = 2")
    error = refusal(file)
    assert error.key == "venue[0].profile"
    assert error.allowed == "5 instruments need 3 sessions of 2; allowed: at most 2 sessions, so 4 instruments"


def test_more_sessions_than_the_board_has_blocks(tmp_path):
    file = configure(tmp_path, "V" * 63, "[pacing]\nsymbols_per_session = 1")
    error = refusal(file)
    assert str(error).endswith("venue = '64 sessions for 2 venues': allowed: at most 63, blocks of the board")
    assert len(session_names(load(configure(tmp_path, "V" * 62, "[pacing]\nsymbols_per_session = 1")))) == 63


def test_a_venue_may_not_have_the_name_of_anothers_session(tmp_path):
    file = configure(tmp_path, "VV", "[pacing]\nsymbols_per_session = 1", names=("V", "V#2"))
    error = refusal(file)
    assert (error.key, error.value) == ("venue[1].name", "V#2")
    assert "V#2 is taken" in error.allowed


def test_separate_trades_are_not_possible_where_requests_replace(tmp_path):
    error = refusal(configure(tmp_path, "V", '[subscription]\nreplaces = true\ntrades = "separate"'))
    assert (error.file.name, error.key) == ("p.toml", "subscription.trades")
