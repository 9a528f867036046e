import pytest

from algotrade.bus import PROMISE_END, PROMISE_NONE
from algotrade_runners.replay_time import later


@pytest.mark.parametrize(("time_ns", "by_ns", "expected"), [
    (0, 5, 5),
    (100, 0, 100),
    (PROMISE_NONE, 5, PROMISE_NONE),
    (PROMISE_END, 5, PROMISE_END),
    (PROMISE_END - 5, 5, PROMISE_END),
    (PROMISE_END - 6, 5, PROMISE_END - 1),
    (PROMISE_END - 1, 2**62, PROMISE_END),
])
def test_later_moves_a_time_but_neither_nothing_nor_the_end(time_ns, by_ns, expected):
    assert later(time_ns, by_ns) == expected
