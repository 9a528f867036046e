"""Brackets and OCA groups: what waits for what, what ends with what, and that no group overfills."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gateway.trading.world import AAA, BBB, World, order


def bracket(world, entry=None, *, transmit_last=True):
    parent = world.place(entry or order(order_type="LMT", limit=100, transmit=False))
    target = world.place(order("SELL", order_type="LMT", limit=105, parent_id=parent, transmit=False))
    stop = world.place(order("SELL", order_type="STP", aux=95, parent_id=parent, transmit=transmit_last))
    return parent, target, stop


def test_nothing_of_a_bracket_is_sent_before_its_last_leg():
    world = World()
    legs = bracket(world, transmit_last=False)
    world.quote(99, 99.5)
    world.open_orders()
    assert [world.told_any(i) for i in legs] == [[], [], []]

    last = world.place(order("SELL", order_type="LMT", limit=110, parent_id=legs[0]))

    assert [world.statuses(i) for i in (*legs, last)] == [["Submitted"], *[["PreSubmitted"]] * 3]
    assert [world.status(i).why_held for i in legs] == ["", "child", "child,trigger"]
    assert [world.status(i).parent_id for i in legs] == [0, legs[0], legs[0]]


def test_children_work_once_their_parent_is_filled_and_never_before():
    world = World()
    parent, target, stop = bracket(world)
    world.quote(106, 106.1)
    world.quote(94, 100, ask_size=60)
    assert world.fills(parent) == [(60, 100)]
    assert [world.live(i).stage for i in (target, stop)] == ["child", "child"]
    world.quote(99, 100)
    assert world.status(parent).status == "Filled"
    assert [world.status(i).status for i in (target, stop)] == ["Submitted", "PreSubmitted"]
    assert world.fills(target) == []

    world.quote(105, 105.1)

    assert world.fills(target) == [(100, 105)]
    assert world.status(stop).status == "Cancelled"
    assert world.holding() == 0


def test_a_leg_that_fills_in_part_shrinks_the_other():
    world = World()
    parent, target, stop = bracket(world)
    world.quote(99, 100)
    world.quote(105, 105.1, bid_size=40)
    assert world.fills(target) == [(40, 105)]
    assert world.told(stop).order.total_quantity == 60
    assert world.status(stop).remaining == 60
    group = str(world.status(parent).perm_id)
    assert {world.told(i).order.oca_group for i in (target, stop)} == {group}

    world.quote(94, 94.1)
    world.quote(94, 94.1)

    assert world.fills(stop) == [(60, 94)]
    assert world.status(target).status == "Cancelled"
    assert world.holding() == 0


def test_a_cancelled_parent_takes_its_children_with_it():
    world = World()
    legs = bracket(world)
    world.cancel(legs[0])
    assert [world.status(i).status for i in legs] == ["Cancelled"] * 3
    assert world.errors() == [(i, 202) for i in legs]
    late = world.place(order("SELL", parent_id=legs[0]))
    assert world.errors()[-1] == (late, 201)


def test_a_child_of_a_filled_parent_works_at_once():
    world = World()
    parent = world.place(order())
    world.quote(99, 100)
    child = world.place(order("SELL", order_type="LMT", limit=101, parent_id=parent))
    assert world.status(child).status == "Submitted"


def test_a_held_order_can_be_changed_sent_or_cancelled():
    world = World()
    sent, cancelled = (world.place(order(order_type="LMT", limit=90, transmit=False)) for _ in range(2))
    assert world.told_any(sent) == []
    world.place(order(order_type="LMT", limit=91), order_id=sent)
    assert world.told(sent).order.lmt_price == 91
    world.cancel(cancelled)
    assert world.status(cancelled).status == "Cancelled"


def test_a_parent_and_child_of_different_instruments():
    world = World()
    parent = world.place(order(transmit=False))
    hedge = world.place(order("SELL", parent_id=parent), BBB)
    world.quote(99, 100, BBB)
    assert world.fills(hedge) == []
    world.quote(99, 100)
    world.quote(50, 51, BBB)
    assert world.fills(hedge) == [(100, 50)]


@pytest.mark.parametrize("oca_type", [1, 2, 3])
def test_one_record_never_fills_two_of_a_group(oca_type):
    world = World()
    group = [world.place(order(order_type="LMT", limit=100 + i, oca_group="g", oca_type=oca_type)) for i in range(3)]
    other = world.place(order(order_type="LMT", limit=100))

    world.quote(99, 100)

    assert [len(world.fills(i)) for i in group] == [1, 0, 0]
    assert [world.status(i).status for i in group] == ["Filled", "Cancelled", "Cancelled"]
    assert world.fills(other) == [(100, 100)]
    assert world.holding() == 200


def test_a_group_over_two_instruments():
    world = World()
    here, there = (world.place(order(order_type="LMT", limit=100, oca_group="g", oca_type=1), i) for i in (AAA, BBB))
    world.quote(99, 100, BBB, ask_size=1)
    assert world.fills(there) == [(1, 100)]
    assert world.status(here).status == "Cancelled"
    assert world.status(there).remaining == 99


def test_orders_of_a_group_share_a_records_size_with_the_others():
    world = World()
    first = world.place(order(order_type="LMT", limit=100))
    linked = world.place(order(order_type="LMT", limit=100, oca_group="g"))
    last = world.place(order(order_type="LMT", limit=100))

    world.quote(99, 100, ask_size=250)

    assert [world.fills(i) for i in (first, linked, last)] == [[(100, 100)], [(100, 100)], [(50, 100)]]


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(95, 105), st.booleans()), min_size=2, max_size=4),
       st.lists(st.tuples(st.integers(94, 106), st.integers(0, 50)), min_size=1, max_size=12), st.sampled_from([2, 3]))
def test_together_a_group_fills_at_most_one_whole(members, quotes, oca_type):
    """The filled shares of a group's orders, each of its own first size, never sum up to more than one."""
    world = World()
    ids = [world.place(order("BUY" if buys else "SELL", quantity, "LMT", limit=limit, oca_group="g", oca_type=oca_type))
           for quantity, limit, buys in members]
    for price, size in quotes:
        world.quote(price, price + 0.5, bid_size=size, ask_size=size)

    shares = [sum(q for q, _ in world.fills(i)) / quantity for i, (quantity, _, _) in zip(ids, members, strict=True)]
    assert sum(shares) <= 1 + 1e-9
    for i in ids:
        live = world.live(i)
        assert live.filled + live.remaining == live.quantity
    if any(world.status(i).status == "Filled" for i in ids):
        assert all(world.live(i).is_done for i in ids)
