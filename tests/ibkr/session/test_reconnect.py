"""Backoff, and the broker's hours over changes of daylight saving."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.ibkr.session.reconnect import (
    ASIA,
    CLIENT_ID_WAIT_S,
    DAYS,
    EUROPE,
    JITTER,
    MAINTENANCE_WAIT_S,
    NORTH_AMERICA,
    WAIT_S_FIRST,
    WAIT_S_MAX,
    Backoff,
    MaintenanceWindow,
    window_at,
)

NEW_YORK = ZoneInfo("America/New_York")


def at(text, zone=NEW_YORK, fold=0):
    moment = datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)
    return int(moment.timestamp()) * 10**9


def name_at(time_ns, windows=NORTH_AMERICA):
    found = window_at(windows, time_ns)
    return found[0].name if found else None


@pytest.mark.parametrize(("local", "name"), [
    ("2026-01-06T00:14:59", None), ("2026-01-06T00:15:00", "daily reset"), ("2026-01-06T01:44:59", "daily reset"),
    ("2026-01-06T01:45:00", None), ("2026-01-10T00:30:00", "weekend reset"), ("2026-01-09T22:59:59", None),
    ("2026-01-09T23:00:00", "weekend reset"), ("2026-01-10T02:59:59", "weekend reset"), ("2026-01-10T03:00:00", None),
    ("2026-01-11T00:20:00", "daily reset"), ("2026-01-11T01:30:00", "Sunday log-in"),
    ("2026-01-11T16:59:59", "Sunday log-in"), ("2026-01-11T17:00:00", None), ("2026-01-05T12:00:00", None),
])
@pytest.mark.parametrize("week", [0, 26], ids=["winter", "summer"])
def test_north_america(local, name, week):
    """The same hours on the same days of the week in winter and summer."""
    from datetime import timedelta

    shifted = (datetime.fromisoformat(local) + timedelta(weeks=week)).isoformat()
    assert name_at(at(shifted)) == name


def test_over_the_change_to_summer_time_the_window_is_an_hour_shorter():
    """On 8 March 2026 New York jumps from 2 to 3: a window from 1:00 to 4:00 lasts two hours."""
    window = MaintenanceWindow(name="w", zone="America/New_York", start="01:00", end="04:00")
    begin = at("2026-03-08T01:00")
    assert window.ends_ns(begin) - begin == 2 * 3600 * 10**9
    assert window.ends_ns(begin - 1) is None


def test_over_the_change_to_winter_time_the_window_is_an_hour_longer():
    """On 1 November 2026 it is 1:30 twice, and both belong to the reset."""
    window = MaintenanceWindow(name="w", zone="America/New_York", start="00:15", end="01:45")
    begin = at("2026-11-01T00:15")
    assert window.ends_ns(begin) - begin == int(2.5 * 3600) * 10**9
    assert window.ends_ns(at("2026-11-01T01:30")) == window.ends_ns(at("2026-11-01T01:30", fold=1))


@pytest.mark.parametrize(("windows", "zone", "local"), [
    (EUROPE, "Europe/Zurich", "2026-07-07T06:30"), (ASIA, "Asia/Hong_Kong", "2026-07-07T05:00"),
    (ASIA, "Asia/Hong_Kong", "2026-07-07T21:00"),
])
def test_other_regions(windows, zone, local):
    assert "reset" in name_at(at(local, ZoneInfo(zone)), windows)
    assert name_at(at(local, ZoneInfo(zone)) + 3 * 3600 * 10**9, windows) is None


@given(st.integers(0, 366 * 24 * 60), st.integers(0, 1439), st.integers(0, 1439),
       st.sets(st.sampled_from(DAYS), min_size=1),
       st.sampled_from(["America/New_York", "Europe/Zurich", "Asia/Hong_Kong"]))
def test_a_window_is_where_the_wall_clock_says(minute, start, end, days, zone):
    """An oracle by local time, outside of the hours in which clocks change."""
    window = MaintenanceWindow(name="w", zone=zone, start=f"{start // 60:02}:{start % 60:02}",
                               end=f"{end // 60:02}:{end % 60:02}", days=tuple(days))
    time_ns = at("2026-01-01T00:00", UTC) + minute * 60 * 10**9
    local = datetime.fromtimestamp(time_ns // 10**9, ZoneInfo(zone))
    offsets = {datetime.fromtimestamp(time_ns // 10**9 + hours * 3600, ZoneInfo(zone)).utcoffset()
               for hours in range(-49, 50, 7)}
    if len(offsets) > 1:
        return
    now, today, yesterday = local.hour * 60 + local.minute, DAYS[local.weekday()], DAYS[local.weekday() - 1]
    over_midnight = end <= start
    inside = (today in days and start <= now and (over_midnight or now < end)) or (
        over_midnight and yesterday in days and now < end)
    assert (window.ends_ns(time_ns) is not None) == inside


@pytest.mark.parametrize("wrong", [
    {"zone": "Mars/Olympus"}, {"start": "25:00"}, {"end": "7:30"}, {"days": ("someday",)}, {"days": ()},
])
def test_nonsense_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .*; allowed: "):
        MaintenanceWindow(**{"name": "w", "zone": "UTC", "start": "00:00", "end": "01:00", **wrong})


@given(st.integers())
def test_backoff_grows_with_jitter_to_its_bound_and_begins_anew(seed):
    backoff = Backoff(seed)
    waits = [backoff.failed(client_id_in_use=False, in_maintenance=False) for _ in range(20)]
    for number, wait_s in enumerate(waits):
        middle = min(2.0**number, WAIT_S_MAX)
        assert middle * (1 - JITTER) <= wait_s <= middle * (1 + JITTER)
    backoff.succeeded()
    assert backoff.failed(client_id_in_use=False, in_maintenance=False) <= 1 + JITTER
    assert waits != [Backoff(seed + 1).failed(client_id_in_use=False, in_maintenance=False) for _ in range(20)]


@given(st.integers(), st.lists(st.sampled_from(["away", "in_use", "maintenance", "back"]), max_size=300))
def test_whatever_happens_tries_never_come_faster_than_the_first_wait_nor_slower_than_the_longest(seed, happenings):
    """No storm: in any T seconds there are at most T / 0.75 tries and one, though each be followed by a success."""
    backoff, waits = Backoff(seed), []
    for happening in happenings:
        if happening == "back":
            backoff.succeeded()
        else:
            waits.append(backoff.failed(client_id_in_use=happening == "in_use",
                                        in_maintenance=happening == "maintenance"))
    assert all(WAIT_S_FIRST * (1 - JITTER) <= wait_s <= WAIT_S_MAX * (1 + JITTER) for wait_s in waits)


@pytest.mark.parametrize(("in_maintenance", "least", "most"), [(False, 76, 110), (True, 150, 190)])
def test_a_night_of_ninety_minutes_is_so_many_tries(in_maintenance, least, most):
    backoff, elapsed_s, tries = Backoff(3), 0.0, 0
    while elapsed_s < 90 * 60:
        elapsed_s += backoff.failed(client_id_in_use=False, in_maintenance=in_maintenance)
        tries += 1
    assert least <= tries <= most


def test_the_same_seed_waits_the_same():
    one, other = ([Backoff(7).failed(client_id_in_use=False, in_maintenance=False)] for _ in range(2))
    assert one == other


def test_client_id_in_use_and_maintenance_are_waited_for_patiently():
    backoff = Backoff(1)
    for _ in range(50):
        in_use = backoff.failed(client_id_in_use=True, in_maintenance=False)
        assert abs(in_use / CLIENT_ID_WAIT_S - 1) <= JITTER
        patient = backoff.failed(client_id_in_use=False, in_maintenance=True)
        assert abs(patient / MAINTENANCE_WAIT_S - 1) <= JITTER
