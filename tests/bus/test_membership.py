"""Shards that come, go, come back, and are another's before the group says so."""

import pytest

from algotrade.bus.kafka.membership import Membership, Shares


class Dealt:
    """Seats as a group has dealt them."""

    def __init__(self):
        self.held = {}
        self.rebalances = 0

    def deal(self, **held):
        self.held = {int(shard[1:]): times for shard, times in held.items()}
        self.rebalances += 1

    def wait_dealt(self):
        assert self.rebalances

    def look(self):
        return dict(self.held)


@pytest.fixture
def seats():
    return Dealt()


@pytest.fixture
def members(seats):
    return Membership(seats)


def shares(held="", gained="", left=""):
    return Shares(*(frozenset(map(int, shards)) for shards in (held, gained, left)))


def test_a_shard_leaves_one_question_after_it_went(seats, members):
    seats.deal(s0=1, s1=1)
    assert members.look() == shares("01", "01")
    assert members.look() == shares("01")
    seats.deal(s1=1)
    assert members.look() == shares("1")
    assert members.look() == shares("1", left="0")
    assert members.look() == shares("1")


def test_a_shard_that_came_back_unseen_is_gained_again(seats, members):
    seats.deal(s0=1)
    members.look()
    seats.deal(s0=2)
    assert members.look() == shares("0", "0")
    assert members.look() == shares("0")


def test_a_shard_that_comes_back_before_it_left_does_not_leave(seats, members):
    seats.deal(s0=1)
    members.look()
    seats.deal()
    assert members.look() == shares()
    seats.deal(s0=2)
    assert members.look() == shares("0", "0")


def test_a_superseded_shard_is_gone_before_the_group_says_so(seats, members):
    seats.deal(s0=1, s1=1)
    members.look()
    members.supersede(0, 1)
    assert members.look() == shares("1")
    seats.deal(s1=1)
    assert members.look() == shares("1", left="0")
    seats.deal(s0=2, s1=1)
    assert members.look() == shares("01", "0")
    assert members.given(0) == 2
