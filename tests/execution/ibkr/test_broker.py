"""The broker port: arming, what may be sent, what never left, what a restart knows."""


import pytest

from algotrade.domain import ExecType, OrderStatus, Side
from algotrade.execution.broker import BrokerError, BrokerEvent, Cancel
from algotrade.ibkr import session as s
from algotrade.ibkr.wire import requests as r
from algotrade.telemetry.metrics import METRICS
from tests.execution.ibkr.world import (
    START_NS,
    Desk,
    cancel,
    commission,
    error,
    execution,
    intent_id,
    new,
    open_order,
    replace,
    status_of,
    working,
)


def test_nothing_begins_before_it_is_armed_and_everything_waits_for_the_four_snapshots():
    desk = Desk(connected=False)
    assert (desk.session.is_started, desk.broker.disarmed_because) == (False, "not asked yet")
    assert desk.pump() == []

    assert not desk.broker.arm()
    assert desk.session.is_started
    desk.link(s.Channel.SOCKET, s.SocketState.CONNECTED)
    assert not desk.broker.arm()
    desk.session.disarmed_because = ""
    assert not desk.broker.may_send(new(1, limit=100))
    desk.snapshot()

    assert desk.broker.arm()
    assert desk.broker.may_send(new(1, limit=100))


@pytest.mark.parametrize("lose", [
    lambda desk: desk.disconnect(),
    lambda desk: desk.link(s.Channel.ORDERS, s.OrderLinkState.DOWN, code=1100),
    lambda desk: desk.link(s.Channel.ORDERS, s.OrderLinkState.UP, code=1101),
    lambda desk: desk.link(s.Channel.ORDERS, s.OrderLinkState.UP, code=1102),
])
def test_after_every_outage_the_broker_has_to_tell_everything_again(lose):
    desk = Desk()
    lose(desk)
    desk.session.disarmed_because = ""

    assert not desk.broker.arm()
    assert not desk.broker.may_send(new(1, limit=100))
    desk.snapshot()
    assert desk.broker.arm()


def test_a_broken_data_farm_is_no_outage():
    desk = Desk()

    desk.link(s.Channel.FARM, s.FarmState.BROKEN, code=2103)

    assert desk.broker.arm()


def test_an_instrument_without_a_contract_cannot_be_ordered():
    desk = Desk()
    del desk.broker._contracts[1]

    assert not desk.broker.may_send(new(1, limit=100, instrument=1))
    assert desk.broker.may_send(new(1, limit=100))


def test_a_session_that_is_over_is_an_error_of_the_port():
    desk = Desk()

    def over(*_):
        raise s.AccountRefused("account U1 is not a paper account")

    desk.session.events = over
    with pytest.raises(BrokerError, match="U1 is not a paper"):
        desk.broker.events()
    with pytest.raises(BrokerError, match="U1 is not a paper"):
        desk.broker.arm()


# What never left.


def test_an_order_that_the_session_did_not_take_was_never_sent():
    desk = Desk()
    desk.session.refuses = s.Disarmed("no orders now")

    [report] = desk.intent(new(1, limit=100))

    assert (report.status, report.reason) == (OrderStatus.REJECTED, "not_sent: no orders now")
    assert desk.reserved() == 0


def test_an_order_that_is_handed_back_was_never_sent():
    desk = Desk()
    desk.session.holds = True
    desk.intent(new(1, limit=100))
    desk.session.told.append(s.Unsent(desk.placed()[0], "fenced", START_NS))
    assert [r.reason for r in desk.pump()] == ["not_sent: fenced"]
    assert desk.status() is OrderStatus.REJECTED


def test_a_connection_that_breaks_tells_orders_that_waited_from_orders_that_were_written():
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.session.holds = True
    desk.intent(new(2, limit=100))
    desk.session.told.append(s.Unsent(desk.placed()[1], "not sent: link lost", START_NS))
    desk.disconnect()

    assert (desk.status(1), desk.status(2)) == (OrderStatus.UNKNOWN, OrderStatus.REJECTED)


@pytest.mark.parametrize("request_of", [lambda: cancel(2, 1), lambda: replace(2, 1, limit=99)])
def test_a_request_that_was_handed_back_leaves_the_order_as_it_was(request_of):
    desk = working()
    desk.session.holds = True
    desk.intent(request_of())
    desk.session.told.append(s.Unsent(desk.session.asked[-1], "too late", START_NS))

    [report] = desk.pump()

    assert (report.exec_type, report.status, report.reason) == (
        ExecType.CANCEL_REJECTED, OrderStatus.NEW, "not_sent: too late")
    assert report.request_id == intent_id(2)


def test_a_link_that_goes_between_asking_and_binding_still_gives_a_new_id():
    desk = working()

    def down():
        raise s.LinkDown("not connected")

    desk.session.next_order_id = down
    desk.session.refuses = s.LinkDown("not connected")

    [report] = desk.intent(new(2, limit=100))

    assert report.reason == "not_sent: not connected"
    assert desk.session.used[-2:] == [2, 2]


def test_an_order_that_meets_a_new_connection_before_we_have_heard_of_it_is_followed():
    """The session may have reconnected, and armed, while what it tells of that still waits for us."""
    desk = Desk()
    for state in (s.SocketState.DOWN, s.SocketState.CONNECTED):
        desk.session.told.append(s.LinkChanged(channel=s.Channel.SOCKET, state=state, time_ns=START_NS, connection=2))
    facts = s.SnapshotFacts(open_orders=(), completed_orders=(), executions=(), positions=())
    desk.session.told.append(s.SnapshotTaken(facts, START_NS))

    assert desk.intent(new(1, limit=100)) == []

    assert desk.status() is OrderStatus.PENDING_NEW
    desk.wait(2.5)
    assert desk.looks == 1
    desk.say(error(10328))
    assert desk.status() is OrderStatus.UNKNOWN


def test_an_order_of_more_incarnations_than_can_be_is_bounded():
    desk = working()
    for perm_id in range(2_000, 2_100):
        desk.say(status_of("Cancelled", perm_id=perm_id))

    assert len(desk.broker._orders.get(1).perm_ids) == len(desk.broker._orders.get(1).done) + 1 == 16
    assert "lives twice" in desk.broker.disarmed_because


def test_an_order_that_waits_for_its_turn_is_not_missed():
    desk = Desk()
    desk.session.holds = True
    desk.intent(new(1, limit=100))

    desk.wait(10)

    assert desk.looks == 0
    assert desk.status() is OrderStatus.PENDING_NEW


# A restart.


def test_a_restart_knows_whose_ids_are_whose_and_doubts_what_was_under_way():
    desk = working()
    desk.intent(replace(2, 1, limit=99))
    desk.say(execution(30), commission("0.3"))
    memory = desk.broker.state()

    after = Desk(connected=False, memory=memory)
    after.manager.restore(desk.manager.state())
    after.gate.restore(desk.gate.state())
    assert after.session.used == [1]
    after.broker.arm()
    after.connect(open_order(limit=100), execution(30), commission("0.3"))
    after.wait(11)
    [report] = after.answer_look(open_order(limit=100), execution(30))

    assert (report.exec_type, report.reason) == (ExecType.CANCEL_REJECTED, "not_done_by_broker")
    assert (after.status(), after.quantity(), after.reserved()) == (OrderStatus.PARTIALLY_FILLED, 30, 70)
    assert after.broker.state() != memory
    # A correction of what was told before the restart replaces it.
    [fix] = after.say(execution(20, exec_id="0000e0d5.6512.01.02"))
    assert (fix.exec_type, after.quantity()) == (ExecType.TRADE_CORRECT, 20)


def test_commands_of_the_journal_are_bound_again_and_not_sent_again():
    desk = working()
    desk.intent(cancel(2, 1))
    asked = len(desk.session.asked)
    command = Cancel(order_id=1, request_id=intent_id(2), event_time_ns=START_NS)

    desk.broker.bound(command, 1)  # as a replay of the journal behind a snapshot does

    assert len(desk.broker._orders.get(1).requests) == 1
    assert (desk.broker.bind(command), len(desk.session.asked)) == (1, asked)


def test_ids_that_went_back_at_the_broker_are_counted():
    desk = Desk()
    desk.session.told.append(s.OrderIdsRolledBack(3, 17, START_NS))
    desk.session.told.append(s.Quarantined(payload=b"", because="no", is_order=True, time_ns=START_NS))
    desk.session.told.append(s.ArmingChanged(False, "no", START_NS))
    desk.pump()

    assert desk.count("order_ids_rolled_back") == 1


def test_every_sample_is_declared():
    desk = working()
    samples = desk.broker.samples()

    assert set(samples) <= set(METRICS)
    assert samples["algotrade_ibkr_connected"] == 1.0


def test_closing_ends_the_session_and_no_order():
    desk = working()
    desk.broker.close()

    assert (desk.session.is_started, desk.status()) == (False, OrderStatus.NEW)
    assert not any(isinstance(one, r.CancelOrder) for one in desk.session.asked)


def test_an_order_that_ended_and_lives_on_under_another_id_has_not_ended():
    desk = Desk()
    desk.intent(new(1, side=Side.SELL, limit=100))
    desk.say(status_of("Cancelled", perm_id=1))
    assert desk.status() is OrderStatus.CANCELED

    [back] = desk.say(open_order(limit=100, perm_id=2, action="SELL"))

    assert (back.exec_type, back.status, back.reason) == (ExecType.RESTATED, OrderStatus.NEW, "lives_twice")
    assert (desk.reserved(Side.SELL), desk.gate.working_orders) == (100, 1)
    assert "lives twice" in desk.broker.disarmed_because
    desk.say(execution(100, exec_id="a.a.a.01", perm_id=2, side="SLD"), status_of("Filled", perm_id=2, filled=100))
    assert (desk.status(), desk.quantity()) == (OrderStatus.FILLED, -100)
    assert (desk.reserved(Side.SELL), desk.gate.working_orders, desk.broker.disarmed_because) == (0, 0, "")


# A standby, or a process that takes over.


def followed(desk, memory=b""):
    """Return a desk that has read what ``desk`` journaled: commands bound, evidence heard, nothing sent."""
    after = Desk(connected=False, memory=memory)
    after.manager.restore(desk.manager.state())
    after.gate.restore(desk.gate.state())
    return after


def test_who_takes_over_looks_for_no_order_whose_end_was_journaled():
    desk = Desk()
    after = Desk(connected=False)
    for i, answer in enumerate((
        execution(100, exec_id="a.b.1.01", reference="s.r.1.0", order_id=1, perm_id=1),
        status_of("Cancelled", order_id=2, perm_id=2), status_of("Submitted", order_id=3, perm_id=3),
    ), start=1):
        intent = new(i, limit=100)
        command = desk.manager.on_intent(intent, START_NS).command
        desk.broker.bound(command, desk.broker.bind(command))
        desk.broker.send(command)
        after.broker.bound(command, i)
        desk.session.told.append(s.Told(answer, START_NS))
        for event in desk.broker.events():
            after.broker.heard(event)
            desk.manager.on_broker(event)
    after.manager.restore(desk.manager.state())
    after.gate.restore(desk.gate.state())

    after.broker.arm()
    reports = after.connect(open_order(limit=100, reference="s.r.3.0", order_id=3, perm_id=3))

    assert (reports, after.count("orders_lost"), after.session.asked) == ([], 0, [])
    assert after.broker.may_send(new(4, limit=100))
    assert after.session.next_order_id() == 4
    assert after.say(execution(100, exec_id="a.b.1.01", reference="s.r.1.0", perm_id=1)) == []


def test_who_takes_over_knows_what_was_answered_and_what_was_not():
    desk = working()
    after = Desk(connected=False, memory=desk.broker.state())
    for request in (replace(2, 1, limit=99), cancel(3, 1)):
        command = desk.manager.on_intent(request, START_NS).command
        desk.broker.bound(command, 1)
        desk.broker.send(command)
        after.broker.bound(command, 1)
    desk.session.told.append(s.Told(open_order(limit=99), START_NS))
    told = desk.broker.events()
    for event in told:
        desk.manager.on_broker(event)
        after.broker.heard(event)

    assert [event.exec_type for event in told] == [ExecType.REPLACED]
    left = after.broker._orders.get(1)
    assert ([one.request_id for one in left.requests], left.terms.limit_price) == ([intent_id(3)], 99)


def test_a_snapshot_holds_evidence_that_nobody_has_taken():
    desk = Desk()
    desk.session.refuses = s.QueueFull("1000 requests wait")
    command = desk.manager.on_intent(new(1, limit=100), START_NS).command
    desk.broker.bound(command, desk.broker.bind(command))
    desk.broker.send(command)

    after = followed(desk, desk.broker.state())

    [report] = after.pump()
    assert (report.status, report.reason) == (OrderStatus.REJECTED, "not_sent: 1000 requests wait")


def test_evidence_of_orders_that_are_no_longer_kept_is_passed_over():
    desk = Desk()

    desk.broker.heard(BrokerEvent(exec_type=ExecType.CANCELED, order_id=77, event_time_ns=1))

    assert desk.pump() == []
