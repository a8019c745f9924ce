"""Messages as text: names of fields and values, and no secret."""

from quotelife.config.venues.venue_profile import Field, LogonProfile, VenueProfile
from quotelife.diagnostics.venue.dictionary import MASK, Masking

LOGON = (
    b"8=FIX.4.4\x019=1\x0135=A\x01553=key-1\x01554=hunter22\x0195=3\x0196=s\x01g\x015001=signed\x01"
    b"58=no hunter22 here\x01"
)


def shown(masking: Masking, message: bytes) -> dict[int, str]:
    return {field.tag: field.value for field in masking.fields(message)}


def test_fields_have_names_and_values_a_meaning():
    fields = {f.tag: (f.name, f.meaning) for f in Masking().fields(b"35=X\x01269=1\x01423456=7\x01")}
    assert fields == {
        35: ("MsgType", "MarketDataIncrementalRefresh"), 269: ("MDEntryType", "OFFER"), 423456: ("", "")
    }  # fmt: skip


def test_secrets_are_masked_by_field_and_inside_of_texts():
    profile = VenueProfile(
        title="t",
        tried="here",
        logon=LogonProfile(fields=[Field(tag=553, value="{api_key}"), Field(tag=5001, value="{signature}")],
                           secrets=["api_key"]),
    )  # fmt: skip
    fields = shown(Masking.of(profile, ["key-1", "hunter22"]), LOGON)
    assert {tag: fields[tag] for tag in (553, 554, 95, 96, 5001)} == dict.fromkeys((553, 554, 95, 96, 5001), MASK)
    assert fields[58] == f"no {MASK} here"


def test_a_short_secret_does_not_mask_words():
    masking = Masking(["a"])
    assert masking.text("a market") == "a market" and masking.text("a") == MASK


def test_what_is_no_message_is_shown_as_bytes_without_secrets():
    [field] = Masking(["hunter22"]).fields(b"garbage hunter22\x01")
    assert (field.tag, field.value) == (0, f"garbage {MASK}|")
