"""Places in a log, and times, as people write them.

Knows: the spellings of kcat, rpk and Kafka's tools.  Does not know: any log; the caller asks for its ends.
Invariant: what is not understood is refused with the forms that would be.
"""

import re
from datetime import datetime
from typing import NamedTuple

START, END, AT, BEFORE_END, AFTER_START, TIME = "start", "end", "at", "before end", "after start", "time"

FORMS = "start, end, N (an offset), -N (N before the end), +N (N after the start), or @TIME"
TIME_FORMS = "milliseconds, seconds, 2024-05-01, 2024-05-01T12:00:00Z, or an age such as -90s, -15m, -2h, -7d"

NAMES = {
    "start": START,
    "beginning": START,
    "earliest": START,
    "end": END,
    "latest": END,
}
UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
SECONDS_BELOW = 100_000_000_000
"""A plain number below this is seconds (until the year 5138), above it milliseconds (from 1973 on)."""


class BadMoment(ValueError):
    """The text says what was expected."""


class Moment(NamedTuple):
    """A place: `kind` and its number, which is an offset, a distance or milliseconds since the epoch."""

    kind: str
    number: int = 0


def moment(text: str, now_ms: int) -> Moment:
    """Read a place in a log.  Raises `BadMoment`."""
    if text in NAMES:
        return Moment(NAMES[text])
    if text.startswith(("@", "s@")):
        return Moment(TIME, time_ms(text.partition("@")[2], now_ms))
    if re.fullmatch(r"[+-]?[0-9]{1,18}", text, re.ASCII):
        kind = BEFORE_END if text[0] == "-" else AFTER_START if text[0] == "+" else AT
        return Moment(kind, int(text.lstrip("+-")))
    raise BadMoment(f"{text!r} is no place in a log: use {FORMS}")


def time_ms(text: str, now_ms: int) -> int:
    """Read a time: milliseconds since the epoch.  A date without a zone is local time.  Raises `BadMoment`."""
    if re.fullmatch(r"[0-9]{1,15}", text, re.ASCII):
        number = int(text)
        return number * 1000 if number < SECONDS_BELOW else number
    if text == "now":
        return now_ms
    if text.startswith("-"):
        return now_ms - duration_ms(text[1:])
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise BadMoment(f"{text!r} is no time: use {TIME_FORMS}") from None


def duration_ms(text: str) -> int:
    """Read a span: `90s`, `1h30m`, or ISO 8601 as Kafka's tools want it (`PT1H30M`, `P1DT2H`).  Raises `BadMoment`."""
    plain = text.lower()
    if plain.startswith("p"):
        plain = plain[1:].replace("t", "", 1)
    spans = re.findall(r"([0-9]+(?:\.[0-9]+)?)(ms|[smhdw])", plain, re.ASCII)
    if not spans or "".join(number + unit for number, unit in spans) != plain or len(plain) > 40:
        raise BadMoment(f"{text!r} is no span of time: use for example 90s, 15m, 1h30m, 7d or PT1H30M")
    return int(sum(float(number) * UNITS_MS[unit] for number, unit in spans))


def resolved(wish: Moment, first: int, last: int) -> int:
    """The offset of a place that needs no look at times, within the log where it is relative to an end of it."""
    assert wish.kind != TIME, wish
    if wish.kind == AT:
        return wish.number
    if wish.kind == BEFORE_END:
        return max(first, last - wish.number)
    if wish.kind == AFTER_START:
        return min(last, first + wish.number)
    return first if wish.kind == START else last
