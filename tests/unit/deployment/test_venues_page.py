"""The page about venues: every key of a profile with its default, and a table whose every mark has its tests."""

import re

import msgspec
import pytest

from quotelife.config.shipped import VENUES
from quotelife.config.venues import venue_profile
from quotelife.config.venues.profiles import read_profile, shipped_profiles
from quotelife.config.venues.venue_profile import Field, Section, VenueProfile
from tests.paths import ROOT

PAGE = (ROOT / "fix_config/venues/README.md").read_text(encoding="utf-8")
SCRIPTS = ROOT / "tests/acceptance/marketdata/venues"
HEADINGS: dict[str, type[Section]] = {
    "Top of the file": VenueProfile,
    "[session]": venue_profile.SessionProfile,
    "[logon]": venue_profile.LogonProfile,
    "[logon.signature]": venue_profile.Signature,
    "[subscription]": venue_profile.SubscriptionProfile,
    "[pacing]": venue_profile.Pacing,
    "[instruments]": venue_profile.InstrumentsProfile,
    "[book]": venue_profile.BookProfile,
    "[book.checksum]": venue_profile.Checksum,
    "[halts]": venue_profile.HaltsProfile,
    "[news]": venue_profile.NewsProfile,
    "Field": Field,
}
HAS_NONE = "–"


def rows(heading: str) -> list[list[str]]:
    """The cells of the rows of the table below a heading, its header left out."""
    section = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section, heading
    lines = [line for line in section[1].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case list():
            return f"[{', '.join(map(toml, value))}]"
        case dict():
            return f"{{ {', '.join(f'{key} = {toml(each)}' for key, each in value.items())} }}"
        case Field():
            return toml(msgspec.structs.asdict(value))
    return str(value)


def shown_default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    return "none" if value is None else f"`{toml(value)}`"


def test_every_table_of_a_profile_has_a_heading():
    declared = {
        each
        for each in vars(venue_profile).values()
        if isinstance(each, type) and issubclass(each, Section) and each.__module__ == venue_profile.__name__
    }
    assert set(HEADINGS.values()) == declared


@pytest.mark.parametrize("heading", HEADINGS)
def test_every_key_has_its_default_and_meaning(heading):
    fields = [
        field
        for field in msgspec.structs.fields(HEADINGS[heading])
        if not isinstance(field.default, Section)  # a table of its own
    ]
    found = rows(heading)
    assert [cells[:2] for cells in found] == [[f"`{field.name}`", shown_default(field)] for field in fields]
    assert all(len(cells) == 3 and cells[2] for cells in found)


def coverage() -> dict[str, list[str]]:
    table = re.search(r"^\| \| Logon .*?\n\n", PAGE, re.MULTILINE | re.DOTALL)
    assert table
    header, _, *lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table[0].strip().splitlines()
    ]
    assert all(len(line) == len(header) for line in lines)
    assert {cell for line in lines for cell in line[1:]} == {"●", HAS_NONE}
    return {
        line[0].strip("`"): [part for part, cell in zip(header[1:], line[1:], strict=True) if cell != HAS_NONE]
        for line in lines
    }


def test_the_table_has_every_shipped_profile():
    assert sorted(coverage()) == shipped_profiles()


@pytest.mark.parametrize("profile", shipped_profiles())
def test_every_mark_has_tests_in_the_venues_own_script(profile):
    script = f"test_{profile.replace('-', '_')}.py"
    defined = set(re.findall(r"^def (test_\w+)", (SCRIPTS / script).read_text(encoding="utf-8"), re.MULTILINE))
    named = {cells[0]: re.findall(r"`(test_\w+)`", cells[2]) for cells in rows(profile)}
    assert list(named) == coverage()[profile]
    assert all(named.values())
    assert {test for tests in named.values() for test in tests} <= defined


@pytest.mark.parametrize("profile", shipped_profiles())
def test_what_a_profile_does_not_use_is_not_marked(profile):
    """And what it does use is."""
    used = read_profile(VENUES / f"{profile}.toml")
    marked = coverage()[profile]
    [said] = [cells[1] for cells in rows(profile) if cells[0] == "version"]
    transport = ", TLS" if used.session.tls == "required" else ""
    assert said == used.session.version + transport
    assert ("trades" in marked) == (used.subscription.trades != "none")
    assert ("instruments" in marked) == (used.instruments.request != "none")
    assert ("checksum" in marked) == (used.book.checksum is not None)
    assert {"Logon", "version", "subscription", "book", "gap", "reconnect"} <= set(marked)
