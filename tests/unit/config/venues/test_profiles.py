"""Venue profiles: where they are found, what a [[venue]] takes from its own, and errors that name the file."""

import os
from pathlib import Path

import pytest

from quotelife.config import Config, ConfigError, load, load_profile
from quotelife.config.sections import VenueTls
from quotelife.config.shipped import VENUES
from quotelife.config.venues.profiles import read_profile, shipped_profiles
from quotelife.config.venues.venue_profile import VenueProfile

CONFIG = """
[[venue]]
name = "V"
port = 9000
sender_comp_id = "Q"
target_comp_id = "V"

[[instrument]]
symbol = "AAA"
tick = "0.01"
lot = "1"
venue = "V"

[[instrument]]
symbol = "BBB"
tick = "0.01"
lot = "1"
venue = "V"

[[client]]
name = "Desk"
sessions = ["DESK"]
"""
PROFILE = """
title = "test"
tried = "nowhere"

[session]
target_comp_id = "MARKET"
sender_sub_id = "DESK-1"
target_sub_id = "QUOTE"
tls = "required"

[subscription]
depths = [10, 25]

[book]
models = ["order", "price"]
"""
SIGNED = """
title = "test"
tried = "nowhere"

[logon]
secrets = ["api_key", "private_key"]
fields = [{ tag = 553, value = "{api_key}" }, { tag = 96, value = "{signature}" }]

[logon.signature]
algorithm = "ed25519"
over = "{MsgType}{SendingTime}"
key = "private_key"
key_encoding = "pem"
"""


def write(folder: Path, profile: str = PROFILE, old: str = "", new: str = "") -> Path:
    """A configuration whose venue has this profile; `old` is replaced by `new` in it."""
    (folder / "venues").mkdir(exist_ok=True)
    (folder / "venues" / "mine.toml").write_text(profile)
    assert old in CONFIG
    text = CONFIG.replace('name = "V"', 'name = "V"\nprofile = "venues/mine.toml"', 1)
    path = folder / "quotelife.toml"
    path.write_text(text.replace(old, new, 1) if old else text)
    return path


def loaded(folder: Path, profile: str = PROFILE, old: str = "", new: str = "") -> Config:
    return load(write(folder, profile, old, new))


def refusal(folder: Path, profile: str = PROFILE, old: str = "", new: str = "") -> ConfigError:
    with pytest.raises(ConfigError) as error:
        loaded(folder, profile, old, new)
    assert "\n" not in str(error.value)
    return error.value


def test_venue_without_a_profile_has_the_generic_one(tmp_path):
    path = tmp_path / "quotelife.toml"
    path.write_text(CONFIG)
    config = load(path)
    [venue] = config.venue
    profile = load_profile(config, venue)
    assert profile == VenueProfile(title=profile.title, tried=profile.tried)
    assert (venue.book, venue.depth, venue.tls, venue.sender_sub_id) == ("price", 0, None, None)


@pytest.mark.parametrize("name", shipped_profiles())
def test_every_shipped_profile_is_valid(name):
    profile = read_profile(VENUES / f"{name}.toml")
    assert profile.title and profile.tried


@pytest.mark.parametrize(
    ("name", "depth"),
    [
        ("binance-spot", 0),
        ("bitgo", 0),
        ("cme-style", 3),
        ("coinbase-exchange", 1),
        ("ctrader", 1),
        ("deribit", 10),
        ("kraken", 1),
        ("lmax-style", 21),
    ],
)
def test_depth_that_a_venue_does_not_have_or_whose_book_would_be_wrong_is_refused(tmp_path, name, depth):
    path = tmp_path / "quotelife.toml"
    path.write_text(CONFIG.replace("port = 9000", f'port = 9000\nprofile = "{name}"\ndepth = {depth}'))
    with pytest.raises(ConfigError, match=r"venue\[0\]\.depth"):
        load(path)


def test_profile_is_read_again_only_after_a_change(tmp_path):
    path = write(tmp_path)
    config = load(path)
    first = load_profile(config, config.venue[0])
    assert load_profile(config, config.venue[0]) is first
    profile = tmp_path / "venues" / "mine.toml"
    profile.write_text(PROFILE.replace('title = "test"', 'title = "best"'))
    os.utime(profile, ns=(1, 1))
    assert load_profile(config, config.venue[0]).title == "best"


def test_venue_has_the_defaults_of_its_profile(tmp_path):
    [venue] = loaded(tmp_path, old='target_comp_id = "V"\n').venue
    assert (venue.target_comp_id, venue.sender_sub_id, venue.target_sub_id) == ("MARKET", "DESK-1", "QUOTE")
    assert (venue.book, venue.depth, venue.tls) == ("order", 10, VenueTls())


def test_keys_of_the_venue_precede_those_of_its_profile(tmp_path):
    keys = (
        'target_comp_id = "T"\nsender_sub_id = "S1"\ntarget_sub_id = "T1"\nbook = "price"\ndepth = 25\n'
        "tls = { check_server_name = false }\n"
    )
    [venue] = loaded(tmp_path, old='target_comp_id = "V"\n', new=keys).venue
    assert (venue.target_comp_id, venue.sender_sub_id, venue.target_sub_id) == ("T", "S1", "T1")
    assert (venue.book, venue.depth, venue.tls) == ("price", 25, VenueTls(check_server_name=False))


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ("port = 9000", 'port = 9000\nbook = "tiers"', "venue[0].book", "order, price"),
        ("port = 9000", "port = 9000\ndepth = 11", "venue[0].depth", "one of 10, 25"),
        ("port = 9000", 'port = 9000\nsender_sub_id = "a b"', "venue[0].sender_sub_id", "printable ASCII"),
        ("port = 9000", 'port = 9000\nsecrets = { api_key_env = "K" }', "venue[0].secrets.api_key_env", "none"),
        ("port = 9000", "port = 9000\nsecrets = { a = 5 }", "venue[0].secrets[...]", "text"),
        ('"BBB"', '"BBB"\nsecurity_id = ""', "instrument[1].security_id", "printable ASCII"),
        ('"BBB"', '"BBB"\ngroup = ""', "instrument[1].group", "printable ASCII"),
        ('"BBB"', '"BBB"\ngroup = "a b"', "instrument[1].group", "printable ASCII"),
        ('"BBB"', '"BBB"\nsecurity_id = { V = "ü" }', "instrument[1].security_id.V", "printable ASCII"),
    ],
)
def test_wrong_value_of_the_configuration_names_its_key(tmp_path, old, new, key, words):
    error = refusal(tmp_path, old=old, new=new)
    assert (error.file, error.key) == (tmp_path / "quotelife.toml", key)
    assert words in error.allowed


def test_unknown_profile_is_refused_with_the_known_ones(tmp_path):
    path = tmp_path / "quotelife.toml"
    for name, words in (("../generic", "generic"), ("nobody", "generic"), ("nobody.toml", "cannot be read")):
        path.write_text(CONFIG.replace('name = "V"', f'name = "V"\nprofile = "{name}"', 1))
        with pytest.raises(ConfigError, match=words):
            load(path)


def test_missing_target_comp_id_without_a_default_is_named(tmp_path):
    error = refusal(tmp_path, PROFILE.replace("target_comp_id", "#"), 'target_comp_id = "V"\n')
    assert error.key == "venue[0].target_comp_id" and "missing" in error.allowed


@pytest.mark.parametrize(
    ("profile", "old", "new", "key", "words"),
    [
        (PROFILE, "tls =", "tsl =", "session.tsl", "no such key; allowed: version"),
        (PROFILE, '"required"', '"always"', "session.tls", "one of optional, required"),
        (PROFILE, "tls =", 'resend = "reconnect"\nreset_seq_num = false\ntls =', "session.reset_seq_num", "gap"),
        (PROFILE, "[10, 25]", "[10, -1]", "subscription.depths[1]", "at least 0"),
        (PROFILE, "depths = [10, 25]", "depth_range = [9, 2]", "subscription.depth_range", "not above"),
        (PROFILE, "[10, 25]", "[10]\ndepth_range = [1, 2]", "subscription.depth_range", "one of"),
        (PROFILE, '["order", "price"]', "[]", "book.models", "at least 1"),
        (PROFILE, "[book]", 'halts = { security_open = ["1"] }\n[book]', "subscription.halts", "no such key"),
        (PROFILE, "[session]", 'halts.security_open = ["1"]\n[session]', "halts.security_open", "one of the lists"),
        (SIGNED, "{api_key}", "{apikey}", "logon.fields[0].value", "no such name: {apikey}"),
        (SIGNED, "{api_key}", "{api_key", "logon.fields[0].value", "brace"),
        (SIGNED, "tag = 553", "tag = 95", "logon.fields[0].tag", "added by the session itself"),
        (SIGNED, "tag = 553", "tag = 96", "logon.fields[1].tag", "twice"),
        (SIGNED, "{api_key}", "a\\u0001b", "logon.fields[0].value", "SOH"),
        (
            PROFILE,
            "depths",
            'fields = [{ tag = 96, value = "\\u0001" }]\ndepths',
            "subscription.fields[0].value",
            "SOH",
        ),
        (SIGNED, "{signature}", "x", "logon.signature", "only with a field"),
        (SIGNED, "{MsgType}", "{signature}", "logon.signature.over", "no such name: {signature}"),
        (SIGNED, "{MsgType}", "{96}", "logon.signature.over", "no such name: {96}"),
        (SIGNED, '"ed25519"', '"sha256"', "logon.signature.key", "no key with sha256"),
        (SIGNED, '"ed25519"', '"hmac-sha256"', "logon.signature.key_encoding", "text, base64, hex"),
        (SIGNED, '"pem"', '"text"', "logon.signature.key_encoding", "pem, base64, hex"),
        (SIGNED, 'key = "private_key"', 'key = "key"', "logon.signature.key", "api_key, private_key"),
        (SIGNED, '["api_key",', '["Api-Key",', "logon.secrets[0]", "lower-case"),
        (SIGNED, '["api_key",', '["api_key", "api_key",', "logon.secrets[1]", "taken"),
        (SIGNED, '["api_key",', '["password", "api_key",', "logon.secrets[0]", "taken"),
    ],
)
def test_wrong_profile_names_its_file_and_key(tmp_path, profile, old, new, key, words):
    assert old in profile
    error = refusal(tmp_path, profile.replace(old, new, 1))
    assert error.file == tmp_path / "venues" / "mine.toml"
    assert error.key == key
    assert words in error.allowed


SECRETS = "port = 9000\nsecrets = {{ {} }}"


@pytest.mark.parametrize(
    ("given", "key", "words"),
    [
        ("", "api_key_env", "missing; the Logon of the profile venues/mine.toml needs it"),
        ('api_key_env = "K"', "private_key_env", "or private_key_file"),
        ('api_key = "hunter2"', "api_key", "no such key"),
        ('api_key_env = "K", private_key_env = "P", private_key_file = "p"', "private_key_file", "beside"),
    ],
)
def test_missing_secret_names_the_key_and_what_the_profile_needs(tmp_path, given, key, words):
    error = refusal(tmp_path, SIGNED, "port = 9000", SECRETS.format(given))
    assert error.key == f"venue[0].secrets.{key}"
    assert words in str(error) and "hunter2" not in str(error)


def test_password_that_the_logon_signs_is_needed_and_one_without_use_is_refused(tmp_path):
    secrets = SECRETS.format('api_key_env = "K", private_key_env = "P"')
    error = refusal(tmp_path, SIGNED.replace("{MsgType}", "{password}"), "port = 9000", secrets)
    assert error.key == "venue[0].password_env" and "missing" in error.allowed
    for name, key in (("username", "username"), ("password_file", "password_file")):
        error = refusal(tmp_path, SIGNED, "port = 9000", f'{secrets}\n{name} = "x"')
        assert error.key == f"venue[0].{key}" and "nothing" in error.allowed


def test_security_ids_are_needed_where_they_are_the_address_and_differ(tmp_path):
    by_id = PROFILE + '[instruments]\naddress = "SecurityID"\n'
    error = refusal(tmp_path, by_id)
    assert error.key == "instrument[0].security_id" and "missing" in error.allowed
    text = write(tmp_path, by_id).read_text()
    for second, fails in (("7", True), ("8", False)):
        named = text.replace('"AAA"', '"AAA"\nsecurity_id = "7"').replace('"BBB"', f'"BBB"\nsecurity_id = "{second}"')
        (tmp_path / "quotelife.toml").write_text(named)
        if fails:
            with pytest.raises(ConfigError, match="also at instrument"):
                load(tmp_path / "quotelife.toml")
        else:
            assert [i.security_id for i in load(tmp_path / "quotelife.toml").instrument] == ["7", "8"]


MINIMAL = 'title = "test"\ntried = "in tests"\n'


def test_heartbeat_is_the_profiles_unless_the_venue_has_one(tmp_path):
    profile = f"{MINIMAL}[session]\nheartbeat_s = 30\nheartbeat_range = [5, 60]\n"
    assert loaded(tmp_path, profile).venue[0].heartbeat_s == 30
    assert loaded(tmp_path, profile, "port = 9000", "port = 9000\nheartbeat_s = 5").venue[0].heartbeat_s == 5
    error = refusal(tmp_path, profile, "port = 9000", "port = 9000\nheartbeat_s = 61")
    assert (error.key, error.value) == ("venue[0].heartbeat_s", 61) and "from 5 to 60" in error.allowed


def test_depth_of_one_is_the_best_quotes_where_the_profile_has_both(tmp_path):
    profile = f'{MINIMAL}[subscription]\ndepth_range = [1, 50]\n[book]\nmodels = ["price", "best"]\n'
    models = {}
    for keys in ("depth = 1", "depth = 2", 'book = "price"\ndepth = 1', 'book = "best"'):
        models[keys] = loaded(tmp_path, profile, "port = 9000", f"port = 9000\n{keys}").venue[0].book
    assert list(models.values()) == ["best", "price", "best", "best"]
    error = refusal(tmp_path, profile, "port = 9000", 'port = 9000\nbook = "best"\ndepth = 2')
    assert (error.key, error.value) == ("venue[0].depth", 2)


def test_a_value_may_mean_something_else_in_another_tag(tmp_path):
    loaded(tmp_path, f'{MINIMAL}[instruments]\nstatus_tag = 1682\ntradable = ["2"]\n')
    loaded(tmp_path, f'{MINIMAL}[instruments]\nstatus_tag = 326\ntradable = ["17"]\n')


TRADABLE = "instruments.tradable"


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("[session]\nheartbeat_range = [60, 5]", "session.heartbeat_range"),
        ("[session]\nheartbeat_range = [5, 60]", "session.heartbeat_s"),
        ("[halts]\nrequest_fields = [{ tag = 336, value = 'SESSION' }]", "halts.request_fields[0].tag"),
        ('[instruments]\nstatus_tag = 326\ntradable = ["17", "21"]\n[halts]\nsecurity_halted = ["2", "21"]', TRADABLE),
        ('[instruments]\nstatus_tag = 1682\ntradable = ["2"]\n[halts]\nsecurity_tag = 1682', TRADABLE),
    ],
)
def test_keys_of_a_profile_that_do_not_fit_together(tmp_path, table, key):
    assert refusal(tmp_path, f"{MINIMAL}{table}\n").key == key
