"""Checks of what an [[instrument]] says about itself to clients: identifiers, currencies, dates, forward points."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from quotelife.config.instrument_sections import Forward, Instrument
from quotelife.config.toml_file import ABSENT, ConfigError


def check_instruments(path: Path, instruments: list[Instrument]) -> None:
    """ConfigError for the first error; ticks are positive decimals."""
    seen: dict[tuple[str, str], str] = {}
    for n, instrument in enumerate(instruments):
        at = f"instrument[{n}]"
        _check_identity(path, at, instrument)
        for source, security_id in instrument.security_ids.items():
            key = f"{at}.security_ids.{source}"
            other = seen.setdefault((source, security_id), key)
            if other != key:
                raise ConfigError(path, key, security_id, f"also at {other}; allowed: each instrument its own")
        _check_forwards(path, at, instrument)


def _check_identity(path: Path, at: str, instrument: Instrument) -> None:
    for source, text in instrument.security_ids.items():
        key = f"{at}.security_ids.{source}"
        if not (0 < len(source) <= 8 and source.isascii() and source.isalnum()):
            allowed = 'allowed as key: a SecurityIDSource (22), such as "4" (ISIN) or "8" (exchange symbol)'
            raise ConfigError(path, key, text, allowed)
        if not (text.isascii() and text.isprintable()) or " " in text:
            raise ConfigError(path, key, text, "allowed: 1 to 64 printable ASCII characters")
    if instrument.strike is not None:
        strike = decimal(instrument.strike)
        if strike is None or strike <= 0:
            raise ConfigError(path, f"{at}.strike", instrument.strike, 'allowed: a positive decimal as text, "105.5"')
    if instrument.maturity is not None:
        _check_date(path, f"{at}.maturity", instrument.maturity)
    if instrument.settl_date is not None:
        _check_date(path, f"{at}.settl_date", instrument.settl_date)
    if instrument.base_currency is not None:
        if instrument.currency is None:
            raise ConfigError(path, f"{at}.currency", ABSENT, "missing; needed where base_currency is stated")
        if instrument.base_currency == instrument.currency:
            allowed = "allowed: another currency than `currency`"
            raise ConfigError(path, f"{at}.base_currency", instrument.base_currency, allowed)


def _check_forwards(path: Path, at: str, instrument: Instrument) -> None:
    tenors = {"0": "the instrument itself"}
    dates = {}
    if instrument.settl_type is not None:
        tenors[instrument.settl_type] = f"{at}.settl_type"
    if instrument.settl_date is not None:
        dates[instrument.settl_date] = f"{at}.settl_date"
    for n, forward in enumerate(instrument.forward):
        here = f"{at}.forward[{n}]"
        if forward.tenor in tenors:
            allowed = f"also at {tenors[forward.tenor]}; allowed: each tenor once"
            raise ConfigError(path, f"{here}.tenor", forward.tenor, allowed)
        tenors[forward.tenor] = f"{here}.tenor"
        if forward.settl_date is not None:
            _check_date(path, f"{here}.settl_date", forward.settl_date)
            if forward.settl_date in dates:
                allowed = f"also at {dates[forward.settl_date]}; allowed: each date once"
                raise ConfigError(path, f"{here}.settl_date", forward.settl_date, allowed)
            dates[forward.settl_date] = f"{here}.settl_date"
        _check_points(path, here, forward, Decimal(instrument.tick))


def _check_points(path: Path, at: str, forward: Forward, tick: Decimal) -> None:
    points = []
    for key, text in (("bid_points", forward.bid_points), ("offer_points", forward.offer_points)):
        if text is None:
            continue
        value = decimal(text)
        if value is None or abs(value) >= 10**9 or value % tick:
            allowed = f'allowed: a decimal as text, a multiple of the tick ({tick}), such as "-{3 * tick}"'
            raise ConfigError(path, f"{at}.{key}", text, allowed)
        points.append(value)
    if len(points) == 1:
        missing = "bid_points" if forward.bid_points is None else "offer_points"
        raise ConfigError(path, f"{at}.{missing}", ABSENT, "missing; allowed: both points or none")
    if len(points) == 2 and points[0] > points[1]:
        allowed = f"allowed: at most offer_points ({forward.offer_points})"
        raise ConfigError(path, f"{at}.bid_points", forward.bid_points, allowed)


def decimal(text: str) -> Decimal | None:
    """The number, None if the text is not a finite decimal without an exponent."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    plain = text.isascii() and text.removeprefix("-").replace(".", "", 1).isdigit()
    return value if plain else None


def _check_date(path: Path, key: str, text: str) -> None:
    """Refuse a month or day that is not in the calendar."""
    try:
        datetime.strptime(text, "%Y%m%d" if len(text) == 8 else "%Y%m")
    except ValueError:
        raise ConfigError(path, key, text, "allowed: a date of the calendar") from None
