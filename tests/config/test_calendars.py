from datetime import UTC, datetime

import pytest

from algotrade.config import CalendarError, load_sessions


def ns(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def test_new_yorks_sessions_know_summer_time_holidays_and_half_days():
    sessions = load_sessions("XNYS", ns("2013-11-01"), ns("2013-12-01"))

    assert sessions.is_open(ns("2013-11-01T13:30"))  # 09:30 in summer time
    assert not sessions.is_open(ns("2013-11-04T13:30"))
    assert sessions.is_open(ns("2013-11-04T14:30"))  # 09:30 in winter time
    assert not sessions.is_open(ns("2013-11-28T15:00"))  # Thanksgiving
    assert sessions.day_ends_ns(ns("2013-11-29T15:00")) == ns("2013-11-29T18:00")  # closes at 13:00


def test_an_unknown_market_is_named():
    with pytest.raises(CalendarError, match="mic is 'XXXX'; allowed"):
        load_sessions("XXXX", 0, 1)
