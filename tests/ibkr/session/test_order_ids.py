"""Order ids never go back; request ids are never order ids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.ibkr.session import REQUEST_ID_FIRST, LinkDown, OrderIdsExhausted
from algotrade.ibkr.session.order_ids import OrderIds

steps = st.lists(st.one_of(
    st.tuples(st.just("told"), st.integers(-5, 1_000)), st.tuples(st.just("seen"), st.integers(-5, 1_000)),
    st.tuples(st.just("next"), st.just(0)), st.tuples(st.just("lost"), st.just(0))))


@given(st.integers(1, 500), steps)
def test_every_id_is_above_all_before_it(minimum, happened):
    ids, used, seen = OrderIds(minimum), [], []
    for what, number in happened:
        if what == "told":
            kept = ids.told_next(number)
            assert (kept is None) == (number >= max([minimum, *(x + 1 for x in used + seen)]))
            seen.append(number - 1)
        elif what == "seen":
            ids.seen(number)
            seen.append(number)
        elif what == "lost":
            ids.disconnected()
        elif ids.told is not None:
            used.append(ids.next_order_id())
            assert used[-1] >= minimum
            assert used[-1] > max([0, *used[:-1], *seen])
        else:
            with pytest.raises(LinkDown):
                ids.next_order_id()


def test_orderid_reuse_across_sessions():
    """A restarted Gateway rolls its next id back: ours is kept, and told."""
    ids = OrderIds(1)
    ids.told_next(100)
    assert [ids.next_order_id() for _ in range(3)] == [100, 101, 102]
    ids.disconnected()
    assert ids.told_next(50) == 103
    assert ids.next_order_id() == 103


def test_order_ids_end_where_request_ids_begin():
    ids = OrderIds(1)
    ids.told_next(REQUEST_ID_FIRST - 1)
    assert ids.next_order_id() == REQUEST_ID_FIRST - 1
    with pytest.raises(OrderIdsExhausted):
        ids.next_order_id()
    assert ids.next_request_id() == REQUEST_ID_FIRST
    ids.seen(REQUEST_ID_FIRST + 5)
    assert ids.next_request_id() == REQUEST_ID_FIRST + 1
