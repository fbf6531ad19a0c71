"""Places and times in the spellings people know."""

import pytest

from odradek.io.cli.moments import (
    AFTER_START,
    AT,
    BEFORE_END,
    END,
    START,
    TIME,
    BadMoment,
    Moment,
    duration_ms,
    moment,
    resolved,
    time_ms,
)

NOW = 1_700_000_000_000


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("start", Moment(START)),
        ("beginning", Moment(START)),
        ("earliest", Moment(START)),
        ("end", Moment(END)),
        ("latest", Moment(END)),
        ("42", Moment(AT, 42)),
        ("-5", Moment(BEFORE_END, 5)),
        ("+5", Moment(AFTER_START, 5)),
        ("@1700000000", Moment(TIME, NOW)),
        ("@1700000000000", Moment(TIME, NOW)),
        ("s@1700000000000", Moment(TIME, NOW)),
        ("@-1h", Moment(TIME, NOW - 3_600_000)),
        ("@now", Moment(TIME, NOW)),
        ("@2023-11-14T22:13:20Z", Moment(TIME, NOW)),
        ("@2023-11-14T23:13:20.500+01:00", Moment(TIME, NOW + 500)),
    ],
)
def test_a_place_is_read(text, found):
    assert moment(text, NOW) == found


@pytest.mark.parametrize("text", ["", "foo", "1.5", "--5", "@", "@foo", "@-1", "@2023-13-01", "9" * 19, "५"])
def test_what_is_no_place_is_refused_with_the_forms(text):
    with pytest.raises(BadMoment, match="use "):
        moment(text, NOW)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("90s", 90_000),
        ("1h30m", 5_400_000),
        ("PT1H30M", 5_400_000),
        ("P1DT2H", 93_600_000),
        ("250ms", 250),
        ("1.5s", 1500),
    ],
)
def test_a_span_is_read(text, ms):
    assert duration_ms(text) == ms


@pytest.mark.parametrize("text", ["", "1", "h", "1x", "1h-", "P", "-1h"])
def test_what_is_no_span_is_refused(text):
    with pytest.raises(BadMoment):
        duration_ms(text)


def test_a_date_without_a_zone_is_local():
    assert time_ms("2023-11-14", NOW) % 60_000 == 0


@pytest.mark.parametrize(
    ("wish", "offset"),
    [
        (Moment(START), 10),
        (Moment(END), 20),
        (Moment(AT, 99), 99),
        (Moment(BEFORE_END, 3), 17),
        (Moment(BEFORE_END, 30), 10),
        (Moment(AFTER_START, 3), 13),
        (Moment(AFTER_START, 30), 20),
    ],
)
def test_a_distance_stays_within_the_log(wish, offset):
    assert resolved(wish, 10, 20) == offset
