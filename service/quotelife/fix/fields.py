"""Parses FIX field values: kernels for the market-data path, plain Python for infrequent messages."""

from decimal import Decimal

from numba import njit

from quotelife.fix import tags

INVALID = -(1 << 63)  # returned by kernels for bytes that are not a value

DOWN, NEAREST, UP = -1, 0, 1
_MAX_DIGITS = 18
_NS = 1_000_000_000


class MalformedMessage(ValueError):
    """A message that cannot be split into fields."""


@njit("int64(uint8[::1], int64, int64)", cache=True, nogil=True, _nrt=False)
def parse_int(buf, start, end):
    """Integer in `buf[start:end]`, optional minus sign, at most 18 digits; else INVALID."""
    negative = end > start and buf[start] == 45
    if negative:
        start += 1
    if end <= start or end - start > _MAX_DIGITS:
        return INVALID
    value = 0
    for i in range(start, end):
        digit = int(buf[i]) - 48
        if digit < 0 or digit > 9:
            return INVALID
        value = value * 10 + digit
    return -value if negative else value


@njit("int64(int64, int64, int64)", cache=True, nogil=True, _nrt=False)
def _divide(mantissa, divisor, rounding):
    """mantissa / divisor, rounded by `rounding`, for a positive divisor."""
    quotient = mantissa // divisor
    rest = mantissa - quotient * divisor
    if rounding == UP or (rounding == NEAREST and rest >= divisor - rest):
        quotient += 1
    return quotient


@njit("int64(uint8[::1], int64, int64, int64, int64, int64, int64[::1])", cache=True, nogil=True, _nrt=False)
def parse_units(buf, start, end, unit, scale, rounding, inexact):
    """Decimal text in `buf[start:end]` as a number of units (ticks or lots) of `unit` * 10**-`scale`.

    Exact: no floating point. Between two units the result is rounded DOWN, UP or to the NEAREST (half up) and
    `inexact[0]` is incremented. INVALID if it is not a FIX float (which has no exponent) or does not fit.
    """
    negative = end > start and buf[start] == 45
    if negative:
        start += 1
    mantissa = 0
    digits = 0
    decimals = 0
    zeros = 0  # trailing zeros of the fraction, deferred so that 1.500000000000 does not overflow
    seen = 0
    in_fraction = False
    for i in range(start, end):
        c = int(buf[i]) - 48
        if 0 <= c <= 9:
            seen += 1
            if in_fraction and c == 0:
                zeros += 1
                continue
            for _ in range(zeros):
                mantissa *= 10
                digits += mantissa > 0
                decimals += 1
                if digits > _MAX_DIGITS or decimals > _MAX_DIGITS:
                    return INVALID
            zeros = 0
            mantissa = mantissa * 10 + c
            digits += mantissa > 0
            decimals += in_fraction
            if digits > _MAX_DIGITS or decimals > _MAX_DIGITS:
                return INVALID
        elif c == -2 and not in_fraction:  # the point
            in_fraction = True
        else:
            return INVALID
    if seen == 0:
        return INVALID
    if negative:
        mantissa = -mantissa
    shift = scale - decimals
    divisor = unit
    while shift > 0:
        if mantissa > 922337203685477580 or mantissa < -922337203685477580:
            return INVALID
        mantissa *= 10
        shift -= 1
    while shift < 0:
        if divisor > 922337203685477580:
            return INVALID
        divisor *= 10
        shift += 1
    if divisor == 1:
        return mantissa
    quotient = mantissa // divisor
    if quotient * divisor == mantissa:
        return quotient
    inexact[0] += 1
    return _divide(mantissa, divisor, rounding)


@njit("int64(uint8[::1], int64, int64)", cache=True, nogil=True, _nrt=False)
def _digits(buf, start, n):
    """`n` digits at `start` as a number, -1 if one is not a digit."""
    value = 0
    for i in range(start, start + n):
        digit = int(buf[i]) - 48
        if digit < 0 or digit > 9:
            return -1
        value = value * 10 + digit
    return value


@njit("int64(uint8[::1], int64, int64)", cache=True, nogil=True, _nrt=False)
def parse_date(buf, start, end):
    """UTCDateOnly YYYYMMDD as nanoseconds since the epoch, or INVALID. Civil calendar, Hinnant's algorithm."""
    if end - start != 8:
        return INVALID
    year, month, day = _digits(buf, start, 4), _digits(buf, start + 4, 2), _digits(buf, start + 6, 2)
    if year < 1970 or year > 2261 or month < 1 or month > 12 or day < 1:
        return INVALID
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    longest = 30 + ((month + (month >> 3)) & 1) if month != 2 else 28 + leap
    if day > longest:
        return INVALID
    if month <= 2:
        year -= 1
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return (era * 146097 + day_of_era - 719468) * 86400 * _NS


@njit("int64(uint8[::1], int64, int64)", cache=True, nogil=True, _nrt=False)
def parse_time(buf, start, end):
    """UTCTimeOnly HH:MM:SS with 0 to 9 decimals as nanoseconds since midnight (second 60: leap second), or INVALID."""
    length = end - start
    if length < 8 or length == 9 or length > 18 or buf[start + 2] != 58 or buf[start + 5] != 58:
        return INVALID
    hour, minute, second = _digits(buf, start, 2), _digits(buf, start + 3, 2), _digits(buf, start + 6, 2)
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 60:
        return INVALID
    fraction = 0
    if length > 8:
        if buf[start + 8] != 46:
            return INVALID
        fraction = _digits(buf, start + 9, length - 9)
        if fraction < 0:
            return INVALID
        for _ in range(18 - length):
            fraction *= 10
    return ((hour * 60 + minute) * 60 + second) * _NS + fraction


@njit("int64(uint8[::1], int64, int64)", cache=True, nogil=True, _nrt=False)
def parse_utc_timestamp(buf, start, end):
    """UTCTimestamp YYYYMMDD-HH:MM:SS with 0 to 9 decimals as nanoseconds since the epoch, or INVALID."""
    if end - start < 17 or buf[start + 8] != 45:
        return INVALID
    day = parse_date(buf, start, start + 8)
    time = parse_time(buf, start + 9, end)
    if day == INVALID or time == INVALID:
        return INVALID
    return day + time


def unit_and_scale(text: str) -> tuple[int, int]:
    """A tick or lot such as "0.25" as (25, 2): unit * 10**-scale. ValueError if it is out of the kernels' range."""
    sign, digits, exponent = Decimal(text).normalize().as_tuple()
    if not isinstance(exponent, int) or sign or not any(digits):
        raise ValueError(f"not a positive decimal: {text!r}")
    unit = int("".join(map(str, digits)))
    if exponent > 0:
        unit, exponent = unit * 10**exponent, 0
    if unit >= 10**9 or exponent < -_MAX_DIGITS:
        raise ValueError(f"tick or lot out of range: {text!r}; allowed: at most 9 significant digits and 18 decimals")
    return unit, -exponent


def split_fields(message: bytes) -> list[tuple[int, bytes]]:
    """All fields of a framed message in order; MalformedMessage if one is invalid. Data fields may contain SOH."""
    found: list[tuple[int, bytes]] = []
    pos, data_tag, data_length = 0, 0, 0
    while pos < len(message):
        equals = message.find(b"=", pos)
        name = message[pos:equals]
        if equals < 0 or not name.isdigit() or len(name) > _MAX_DIGITS:
            raise MalformedMessage(f"no tag at byte {pos}")
        tag = int(name)
        start = equals + 1
        end = start + data_length if tag == data_tag and data_length else message.find(b"\x01", start)
        if end < 0 or end >= len(message) or message[end] != tags.SOH:
            raise MalformedMessage(f"tag {tag} has no end")
        value = message[start:end]
        found.append((tag, value))
        data_tag = tags.DATA_AFTER_LENGTH.get(tag, 0)
        data_length = max(as_int(value) or 0, 0) if data_tag else 0
        pos = end + 1
    return found


def as_int(value: bytes | None) -> int | None:
    """An int field, None if absent or not a number."""
    if value is None or len(value) > _MAX_DIGITS or not value.removeprefix(b"-").isdigit():
        return None
    return int(value)


def as_text(value: bytes | None) -> str:
    return "" if value is None else value.decode("utf-8", "replace")
