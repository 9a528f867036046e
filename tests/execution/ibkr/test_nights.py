"""The broker's own rhythm: a restart each night, a log-in each week, summer time in between."""

from datetime import date, time, timedelta
from decimal import Decimal

import pytest

from algotrade.domain import OrderStatus
from algotrade.gateway.faults import Scenario, load_scenario
from algotrade.ibkr.session.reconnect import JITTER
from tests.execution.ibkr.nights import OPEN, WAIT_S, at, buy, nights
from tests.gateway.world import SECOND_NS

NIGHTS = 15
SATURDAY, SUNDAY = 5, 6
CLIENT_IDS = [7, 8]
SCENARIO = """
seed = 5

[[fault]]
at = "00:15 America/New_York"
kind = "restart"
seconds = 3600

[[fault]]
at = "01:00 America/New_York"
days = ["sun"]
kind = "relogin"
seconds = 43200

[[fault]]
at = "09:30 America/New_York"
kind = "link_lost"
seconds = 40
"""


def scenario(tmp_path, text) -> Scenario:
    path = tmp_path / "nights.toml"
    path.write_text(text)
    return load_scenario(path)


def trade(world, day, sequence):
    """Buy while the link to the broker is lost, of which nobody is told; the books have it when the link is back."""
    world.send(buy(sequence, "179.50"))
    world.until(lambda: world.status(sequence) is OrderStatus.NEW)
    bought, opened_ns = world.position, at(day, OPEN)
    world.go_to(opened_ns + 30 * SECOND_NS)
    assert world.position == bought
    world.go_to(opened_ns + 50 * SECOND_NS)
    world.until(lambda: world.position == bought + 100)
    assert world.status(sequence) is OrderStatus.FILLED
    world.until(lambda: world.heard_since(opened_ns + 40 * SECOND_NS))


def rest(world, day):
    """Go to the morning of ``day``, through the restart of the night; on Sundays, through the wait for a log-in."""
    world.go_to(at(day, time(0, 16)))
    world.until(lambda: world.is_cut_off)
    window = "weekend reset" if day.weekday() == SATURDAY else "daily reset"
    for session in (world.market_session, world.order_session):
        assert session.maintenance.startswith(f"{window} until ")
    if day.weekday() == SUNDAY:
        world.go_to(at(day, time(1, 20)))
        assert world.market_session.maintenance.startswith("Sunday log-in until ")
        tried = world.tries.ended
        world.until(lambda: world.tries.ended >= tried + 3)
        assert world.is_cut_off
        world.go_to(at(day, time(14, 30)))
    else:
        world.go_to(at(day, time(1, 30)))
    world.until(lambda: world.is_well)
    assert world.client_ids == CLIENT_IDS


@pytest.mark.parametrize("first", [date(2026, 2, 27), date(2026, 10, 23)], ids=["to-summer-time", "to-winter-time"])
def test_nightly_reset_30_days(first, tmp_path, monkeypatch):
    """Two windows of 15 nights, each with a change of the clocks: no subscription and no fill is lost.

    One order rests all the time, another fills each day, the one after the last night too. No order is sent twice, and
    nobody storms the Gateway: between two tries there is never less than the shortest wait.
    """
    with nights(first, NIGHTS + 1, scenario(tmp_path, SCENARIO), monkeypatch) as world:
        world.until(lambda: world.is_well)
        world.send(buy(1, "100.00"))
        world.until(lambda: world.status(1) is OrderStatus.NEW)
        traded = 0
        for night in range(NIGHTS + 1):
            day = first + timedelta(days=night)
            if day.weekday() != SUNDAY:
                traded += 1
                trade(world, day, sequence=night + 2)
            if night < NIGHTS:
                rest(world, day + timedelta(days=1))

        assert (traded, world.position, len(world.manager.ledger.fills())) == (14, 1_400, 14)
        assert world.tries.least_s >= WAIT_S * (1 - JITTER)
        assert world.status(1) is OrderStatus.NEW
        assert world.working() == [Decimal(100)]


def test_sunday_2fa(tmp_path, monkeypatch):
    """The week's log-in ends and nobody comes for three days: the session never gives up, and never changes its id."""
    first = date(2026, 6, 6)
    weekend = SCENARIO.replace("seconds = 43200", "seconds = 259200")
    with nights(first, 5, scenario(tmp_path, weekend), monkeypatch) as world:
        world.until(lambda: world.is_well)
        world.go_to(at(first + timedelta(days=1), time(1, 20)))
        world.until(lambda: world.is_cut_off)
        assert world.broker.disarmed_because
        assert not world.feed.ready()["link"]
        for day in (2, 3):
            world.go_to(at(first + timedelta(days=day), time(12)))
            tried = world.tries.ended
            world.until(lambda tried=tried: world.tries.ended >= tried + 3)
            assert world.is_cut_off
            # Outside of the broker's hours it is an alarm, with the reason in words.
            assert world.order_session.maintenance == ""
            assert world.order_session.samples()["algotrade_ibkr_connected"] == 0
            assert str(world.order_session.failure)

        last = first + timedelta(days=4)
        world.go_to(at(last, time(2)))
        world.until(lambda: world.is_well)
        trade(world, last, sequence=1)
        assert world.client_ids == CLIENT_IDS
