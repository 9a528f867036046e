"""Incidents that happened to others, each by the name that tests/repo/test_regressions.py gives it."""

from decimal import Decimal

import msgspec
import pytest

from algotrade.domain import ExecType, Liquidation, OrderStatus, Side
from algotrade.ibkr import session as s
from algotrade.ibkr.wire import answers as a
from tests.execution.ibkr.world import (
    Desk,
    cancel,
    commission,
    completed,
    error,
    execution,
    new,
    open_order,
    position,
    replace,
    status_of,
    working,
)


def test_execdetails_before_openorder():
    """The same book as in order: an execution may be told before anything else of its order."""
    answers = [open_order("PreSubmitted", limit=100), status_of("Submitted"), execution(100), commission("1.00"),
               status_of("Filled", filled=100, remaining=0), open_order("Filled", limit=100)]
    books = []
    for order in (answers, [answers[2], answers[3], *answers[:2], *answers[4:]], list(reversed(answers))):
        desk = Desk()
        desk.intent(new(1, limit=100))
        for answer in order:
            desk.say(answer)
        assert desk.status() is OrderStatus.FILLED
        books.append((desk.manager.ledger.state(), desk.quantity(), desk.order().average_price, desk.reserved()))

    assert books[0] == books[1] == books[2]
    assert books[0][0].entries[0].fill.commission == 1


def test_commission_minus_one():
    """-1 is no cost: it says that the cost is not known yet. Other negative ones are rebates."""
    desk = Desk()
    desk.intent(new(1, limit=100))
    [trade] = desk.say(execution(100), commission("-1.0"))
    assert (trade.last_quantity, trade.commission, desk.quantity()) == (100, 0, 100)
    assert desk.manager.ledger.uncosted == 1

    [report] = desk.say(commission("-0.35"))

    assert (report.exec_type, report.commission) == (ExecType.TRADE_CORRECT, Decimal("-0.35"))
    assert desk.manager.ledger.uncosted == 0


def test_commission_never_arrives():
    """The position is right at once, and after a while somebody is told."""
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.say(execution(100))
    assert desk.quantity() == 100
    desk.wait(59)
    assert desk.count("commissions_late") == 0

    desk.wait(2)

    assert (desk.count("commissions_late"), desk.manager.ledger.uncosted) == (1, 1)
    [report] = desk.say(commission("1"))
    assert report.commission == 1


def test_exec_correction_02():
    """A correction replaces what it corrects: it is not added to it."""
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.say(execution(100, exec_id="a.b.c.01"), commission("1", exec_id="a.b.c.01"))

    [report] = desk.say(execution(50, exec_id="a.b.c.02", price="99"))

    assert (report.exec_type, report.last_quantity, report.corrected_quantity) == (ExecType.TRADE_CORRECT, 50, -50)
    assert desk.quantity() == 50
    assert desk.say(execution(100, exec_id="a.b.c.01")) == []
    [costed] = desk.say(commission("0.5", exec_id="a.b.c.02"))
    assert (costed.commission, desk.manager.ledger.position(0).commission) == (Decimal("0.5"), Decimal("0.5"))
    [bust] = desk.say(execution(0, exec_id="a.b.c.03", price="0"))
    assert (bust.corrected_quantity, desk.quantity(), desk.manager.ledger.position(0).commission) == (-50, 0, 0)


def test_orderid_reuse_across_sessions():
    """A restarted Gateway gives ids again: what it tells by an id of before is not about our order."""
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.say(status_of("Submitted"))
    desk.disconnect()
    desk.connect(open_order(reference="s.r.1.0", limit=100, order_id=5, perm_id=1001))

    desk.say(status_of("Cancelled", order_id=1, perm_id=2222), error(201, req_id=1))
    desk.say(execution(7, exec_id="x.y.z.01", reference="", order_id=1, perm_id=2222))

    assert (desk.status(), desk.quantity()) == (OrderStatus.NEW, 0)
    assert desk.count("foreign_executions") == 1
    desk.intent(cancel(2, 1))
    assert desk.session.asked[-1].order_id == 5
    desk.intent(new(3, limit=100))
    assert desk.placed()[-1].order_id > 1


def test_cancelled_then_filled():
    """A library that calls an order cancelled because of a code is not asked. A fill after a real end is booked."""
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.say(status_of("Submitted"))
    desk.intent(cancel(2, 1))
    desk.say(error(10148, message="cannot be cancelled, state: PendingCancel"))
    assert not desk.status().is_terminal
    desk.say(status_of("Cancelled", filled=0))
    assert desk.status() is OrderStatus.CANCELED

    [late] = desk.say(execution(100))

    assert (late.status, late.reason, desk.quantity()) == (OrderStatus.CANCELED, "late_fill", 100)
    assert desk.manager.late_fills == 1


def test_a_cancel_that_met_a_fill_ends_with_what_the_executions_say():
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.say(status_of("Submitted"))
    desk.intent(cancel(2, 1))

    assert desk.say(status_of("Cancelled", filled=30, remaining=70)) == []
    assert desk.status() is OrderStatus.PENDING_CANCEL
    [fill, end] = desk.say(execution(30))

    assert (fill.exec_type, end.exec_type, end.cumulative_quantity) == (ExecType.TRADE, ExecType.CANCELED, 30)


def test_dup_103_after_higher_id():
    """103 (duplicate id) says that this order was not taken. It never means that an order exists."""
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.say(error(103, message="Duplicate order id"))
    assert desk.status() is OrderStatus.PENDING_NEW
    desk.wait(2)

    [report] = desk.answer_look(open_order(reference="", order_id=1, perm_id=77, client_id=3))

    assert report.status is OrderStatus.REJECTED
    assert len(desk.placed()) == 1


def test_fill_for_phantom_external_order():
    """Matched to the original by its reference, else its permanent id, though the order id is another's: none external.
    """
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.say(open_order(limit=100, perm_id=1001))

    desk.say(execution(40, exec_id="a.a.a.01", order_id=0, client_id=0, perm_id=1001, reference=""))
    desk.say(execution(60, exec_id="a.a.b.01", order_id=999, client_id=0, perm_id=0, reference="s.r.1.0"))

    assert (desk.status(), desk.quantity()) == (OrderStatus.FILLED, 100)
    assert desk.count("foreign_executions") == 0


def test_account_prefix_321():
    """A question that is refused is not an empty answer."""
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.wait(2.5)
    question = next(one for one in desk.session.asked if isinstance(one, a.Answer) is False and hasattr(one, "side"))

    desk.say(a.OpenOrderEnd(), a.CompletedOrdersEnd(), a.PositionEnd(),
             error(321, req_id=question.req_id, message="Invalid account code"))

    assert desk.status() is OrderStatus.PENDING_NEW
    assert desk.count("looks_failed") == 1
    desk.wait(5)
    assert desk.looks == 1
    desk.wait(5)
    assert desk.looks == 2


def test_dns_outage_order_lost():
    """However often an order is not found, it is not known; it is never called failed, and never sent again."""
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.wait(2.5)
    assert desk.looks == 1
    [lost] = desk.answer_look()
    assert (lost.exec_type, lost.status, lost.reason) == (ExecType.ORDER_STATUS, OrderStatus.UNKNOWN, "not_found")
    assert desk.count("orders_not_found") == 0
    desk.wait(9)
    assert desk.looks == 1
    desk.wait(2)
    assert desk.looks == 2

    assert desk.answer_look() == []

    assert desk.count("orders_not_found") == 1
    for _ in range(5):
        desk.disconnect()
        desk.connect()
    assert (desk.status(), desk.reserved(), len(desk.placed())) == (OrderStatus.UNKNOWN, 100, 1)
    assert not desk.broker.may_send(new(2, limit=100))
    assert desk.broker.may_send(new(2, limit=100, instrument=1))
    # And it surfaces late.
    [found] = desk.say(open_order(limit=100))
    assert found.status is OrderStatus.NEW
    assert desk.broker.may_send(new(2, limit=100))


def test_modify_during_1100_two_permids():
    """A change that was sent into an outage may leave two orders: both are tracked and reserved, nothing is sent."""
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.say(open_order(limit=100, perm_id=1001))
    desk.intent(replace(2, 1, limit=99))
    [lost] = desk.link(s.Channel.ORDERS, s.OrderLinkState.DOWN, code=1100)
    assert (lost.status, lost.reason, desk.reserved()) == (OrderStatus.UNKNOWN, "link_lost", 100)

    desk.link(s.Channel.ORDERS, s.OrderLinkState.UP, code=1102)
    desk.snapshot(open_order(limit=100, perm_id=1001), open_order(limit=99, perm_id=1002))

    assert "lives twice" in desk.broker.disarmed_because
    assert desk.count("splits") == 1
    assert (desk.reports[-1].exec_type, desk.reports[-1].reason) == (ExecType.RESTATED, "lives_twice")
    assert (desk.reports[-1].quantity, desk.reserved()) == (200, 200)
    assert not desk.status().is_terminal
    desk.say(status_of("Cancelled", perm_id=1001, filled=10))
    assert not desk.status().is_terminal
    assert desk.reserved() == 110
    assert not desk.broker.may_send(new(3, limit=100, instrument=1))
    assert desk.broker.may_send(cancel(3, 1))
    desk.say(execution(60, exec_id="a.a.a.01", perm_id=1002), execution(10, exec_id="a.a.b.01", perm_id=1001))
    assert (desk.quantity(), desk.reserved()) == (70, 40)
    desk.say(status_of("Cancelled", perm_id=1002, filled=60))
    assert desk.status() is OrderStatus.CANCELED
    assert (desk.reserved(), desk.gate.working_orders, desk.broker.disarmed_because) == (0, 0, "")


@pytest.mark.parametrize("opens_first", [True, False])
@pytest.mark.parametrize("is_restarted", [True, False])
def test_two_permids_of_which_one_filled_in_the_outage(opens_first, is_restarted):
    """What still works is reserved, though the order has filled as often as it was asked to."""
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.say(open_order(limit=100, perm_id=1001))
    desk.intent(replace(2, 1, limit=99))
    desk.link(s.Channel.ORDERS, s.OrderLinkState.DOWN, code=1100)
    desk.link(s.Channel.ORDERS, s.OrderLinkState.UP, code=1102)

    told = [open_order(limit=99, perm_id=1002), execution(100, perm_id=1001)]
    desk.snapshot(*(told if opens_first else reversed(told)))
    if is_restarted:
        after = Desk(connected=False, memory=desk.broker.state())
        after.manager.restore(desk.manager.state())
        after.gate.restore(desk.gate.state())
        desk = after
        desk.broker.arm()
        desk.connect(*told)

    assert (desk.status(), desk.quantity(), desk.reserved()) == (OrderStatus.PARTIALLY_FILLED, 100, 100)
    assert (desk.gate.working_orders, desk.manager.late_fills) == (1, 0)
    assert "lives twice" in desk.broker.disarmed_because
    desk.say(execution(100, exec_id="b.b.b.01", perm_id=1002), status_of("Filled", perm_id=1001, filled=100),
             status_of("Filled", perm_id=1002, filled=100))
    assert (desk.status(), desk.quantity(), desk.reserved()) == (OrderStatus.FILLED, 200, 0)
    assert (desk.gate.working_orders, desk.manager.late_fills, desk.manager.overfills) == (0, 0, 0)
    assert desk.broker.disarmed_because == ""


def test_two_permids_of_which_the_end_of_one_is_never_told():
    """Silence does not end it: it is looked for, stays reserved, and is not known until the broker has said a word."""
    desk = working(perm_id=1001)
    desk.say(open_order(limit=99, perm_id=1002), execution(100, perm_id=1002))
    assert (desk.status(), desk.reserved()) == (OrderStatus.PARTIALLY_FILLED, 100)

    desk.say(status_of("Filled", perm_id=1002, filled=100))
    desk.wait(6)
    assert desk.looks == 1
    desk.answer_look()

    assert (desk.status(), desk.order().reason, desk.reserved()) == (OrderStatus.UNKNOWN, "not_found", 100)
    assert "lives twice" in desk.broker.disarmed_because
    desk.say(completed("Cancelled", perm_id=1001, filled=0))
    assert (desk.status(), desk.reserved(), desk.broker.disarmed_because) == (OrderStatus.FILLED, 0, "")


def liquidated(quantity, exec_id="l.l.l.01", **terms):
    """What the broker tells of what it sells by itself."""
    return execution(quantity, exec_id=exec_id, reference="", order_id=0, perm_id=4711, client_id=0,
                     **{"side": "SLD", "liquidation": 1, **terms})


def test_broker_liquidation():
    """What the broker sells by itself is adopted and told to strategies; it is booked to no order of ours.

    Nobody tells a client of it but by the position, so that makes us ask.
    """
    desk = working()
    desk.say(execution(100), status_of("Filled", filled=100), position(100))
    before, looks = list(desk.reports), desk.looks

    assert desk.say(position(60)) == []
    waited_s = 0
    while desk.looks == looks:
        waited_s += 1
        assert desk.wait(1) == []
    assert waited_s < 10  # asked: within a minute
    [told] = desk.answer_look(execution(100), liquidated(40, price=99.5), position(60))

    assert isinstance(told, Liquidation)
    assert (told.sequence, told.instrument, told.side) == (len(before) + 1, 0, Side.SELL)
    assert (told.quantity, told.price, told.execution_id) == (40, Decimal("99.5"), "l.l.l.01")
    assert told.event_time_ns == before[-1].event_time_ns
    assert desk.count("liquidations") == 1
    assert [(p.instrument, p.quantity) for p in desk.broker.account_positions] == [(0, 60)]
    assert (desk.status(), desk.quantity()) == (OrderStatus.FILLED, 100)


def test_a_liquidation_is_told_once_and_anew_where_it_is_corrected():
    desk = Desk()
    [first] = desk.say(liquidated(40))
    assert desk.say(liquidated(40)) == []
    [second] = desk.say(liquidated(30, exec_id="l.l.l.02"))
    assert desk.say(liquidated(40)) == []
    assert [(one.sequence, one.quantity) for one in (first, second)] == [(1, 40), (2, 30)]

    after = Desk(memory=desk.broker.state(), connected=False)
    after.manager.restore(desk.manager.state())
    after.broker.arm()
    after.connect(liquidated(40), liquidated(30, exec_id="l.l.l.02"), liquidated(7, exec_id="m.m.m.01"))
    assert [(one.sequence, one.quantity) for one in after.reports] == [(3, 7)]


def test_a_liquidation_that_nobody_has_taken_survives_a_restart():
    desk = Desk()
    desk.session.told.append(s.Told(liquidated(40), desk.clock.time_ns()))
    desk.broker.arm()

    after = Desk(memory=desk.broker.state(), connected=False)

    assert [one.quantity for one in after.pump()] == [40]


def test_a_liquidation_of_what_is_not_traded_here_is_counted_and_told_to_nobody():
    desk = Desk()
    told = liquidated(40)
    elsewhere = msgspec.structs.replace(told, contract=msgspec.structs.replace(told.contract, con_id=4))
    assert desk.say(elsewhere) == []
    assert desk.count("liquidations") == 1


def test_a_liquidation_of_no_known_side_is_set_aside():
    desk = Desk()
    assert desk.say(liquidated(40, side="?")) == []
    assert desk.count("liquidations") == 0
    assert [one.because for one in desk.broker.set_aside] == ["its side is '?'; allowed: BOT, SLD"]
    assert "set aside" in desk.broker.disarmed_because


def test_empty_snapshot_on_disconnect():
    """A look that was cut short says nothing: no position is emptied and no order ended by it."""
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.say(open_order(limit=100))
    desk.snapshot(open_order(limit=100), position(300))
    desk.intent(cancel(2, 1))
    desk.wait(3)
    assert desk.looks == 1
    desk.say(a.OpenOrderEnd(), a.CompletedOrdersEnd())
    desk.disconnect()
    desk.say(a.PositionEnd(), a.ExecutionDataEnd(req_id=desk.session.request_ids))

    assert desk.status() is OrderStatus.UNKNOWN
    assert [p.quantity for p in desk.broker.account_positions] == [300]
    assert desk.reserved() == 100


def test_exec_window_lost_in_1100():
    """Fills of an outage come with the executions that are asked for after it, and go the same way as any other."""
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.say(open_order(limit=100))
    desk.link(s.Channel.ORDERS, s.OrderLinkState.DOWN, code=1100)
    desk.link(s.Channel.ORDERS, s.OrderLinkState.UP, code=1102)

    reports = desk.snapshot(completed("Filled", filled=100), execution(100, req_id=12), commission("1"))

    assert [r.exec_type for r in reports] == [ExecType.TRADE, ExecType.TRADE_CORRECT]
    assert (desk.status(), desk.quantity()) == (OrderStatus.FILLED, 100)
    assert desk.snapshot(completed("Filled", filled=100), execution(100, req_id=13), commission("1")) == []


def test_warm_restart_with_working_order():
    """A restart finds its working order again: nothing is sent, nothing changes."""
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.say(open_order(limit=100), execution(40), commission("0.4"))
    memory = desk.broker.state()

    after = Desk(connected=False, memory=memory)
    after.manager.restore(desk.manager.state())
    after.gate.restore(desk.gate.state())
    after.broker.arm()
    reports = after.connect(open_order(limit=100, order_id=1), execution(40), commission("0.4"), position(40))

    assert reports == []
    assert (after.status(), after.quantity(), after.reserved()) == (OrderStatus.PARTIALLY_FILLED, 40, 60)
    assert after.placed() == []
    after.intent(new(2, limit=100))
    assert after.placed()[0].order_id == 2


def test_dup_order_on_restart():
    """An order that was journaled and perhaps sent is looked for, and never sent a second time."""
    desk = Desk()
    desk.session.holds = True
    desk.intent(new(1, limit=100))
    memory = desk.broker.state()
    for answers, status in (((open_order(limit=100),), OrderStatus.NEW), ((), OrderStatus.UNKNOWN)):
        after = Desk(connected=False, memory=memory)
        after.manager.restore(desk.manager.state())
        after.gate.restore(desk.gate.state())
        after.broker.arm()
        after.connect(*answers)

        assert (after.status(), after.placed()) == (status, [])
        assert not after.broker.may_send(new(2, limit=100)) or status is OrderStatus.NEW


def test_competing_session_10197():
    """Another log-in took the data: no new risk, cancels go on."""
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.say(open_order(limit=100), error(10197, req_id=-1), error(10197, req_id=1))

    assert "another session" in desk.broker.disarmed_because
    assert not desk.broker.may_send(new(2, limit=100))
    assert desk.broker.may_send(cancel(2, 1))
    assert desk.status() is OrderStatus.NEW
    assert desk.count("competing_sessions") == 1
    desk.disconnect()
    desk.connect(open_order(limit=100))
    assert desk.broker.may_send(new(2, limit=100))


def test_nightly_reset_leaves_resting_orders_as_they_are():
    desk = Desk()
    desk.intent(new(1, limit=100))
    desk.say(open_order(limit=100))
    for night in range(30):
        assert desk.disconnect() == []
        assert not desk.broker.may_send(new(2, limit=100))
        desk.wait(3600)
        assert desk.connect(open_order(limit=100, order_id=1 + night)) == []

    assert desk.status() is OrderStatus.NEW
    assert desk.broker.may_send(new(2, limit=100))
    [fill] = desk.say(execution(100, order_id=30))
    assert (fill.status, desk.quantity()) == (OrderStatus.FILLED, 100)


@pytest.mark.parametrize("what", ["foreign", "manual"])
def test_orders_of_others_are_adopted_and_never_touched(what):
    desk = Desk()
    other = open_order(reference="theirs" if what == "foreign" else "", order_id=0, perm_id=55, client_id=0,
                       action="SELL")
    desk.snapshot(other, position(-20))
    desk.say(status_of("Submitted", order_id=0, perm_id=55, client_id=0))
    desk.say(execution(20, exec_id="f.f.f.01", reference="theirs", order_id=0, perm_id=55, client_id=0, side="SLD"))
    desk.wait(100)

    [order] = desk.broker.foreign_orders
    assert (order.perm_id, order.action, order.quantity) == (55, "SELL", 100)
    assert desk.session.asked == []
    assert (desk.quantity(), desk.reports, desk.manager.unmatched) == (0, [], 0)
    assert desk.count("foreign_executions") == 1
    assert [p.quantity for p in desk.broker.account_positions] == [-20]
    desk.say(status_of("Cancelled", order_id=0, perm_id=55, client_id=0))
    assert desk.broker.foreign_orders == []


def test_a_sell_is_a_sell():
    desk = Desk()
    desk.intent(new(1, 50, side=Side.SELL, limit=100))
    desk.say(execution(50, side="SLD"))

    assert desk.quantity() == -50
