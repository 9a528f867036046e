"""An order with several lives at a pretended broker that tells what it likes: lost, late, twice, in any order, by seed.

The oracle is what the pretended broker knows of each life, by its permanent id.
"""

import os
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pytest

from algotrade.domain import ExecType, OrderStatus
from algotrade.execution.broker import BrokerEvent
from algotrade.execution.ibkr import orders
from tests.execution.ibkr.world import Desk, completed, execution, new, open_order, replace, status_of, working

SEEDS = int(os.environ.get("ALGOTRADE_IBKR_SEEDS", "25")) * 4
STEPS = 40
LIVES_MAX = 4


@dataclass
class Life:
    """One incarnation as the broker has it. ``is_told``: the broker has said a word of it that arrived."""

    perm_id: int
    quantity: int
    filled: int = 0
    status: str = "Submitted"
    is_told: bool = False

    @property
    def works(self) -> int:
        return self.quantity - self.filled if self.status == "Submitted" else 0


class Story:
    """A desk, and a broker that has one order of it, in one life or more."""

    def __init__(self, seed: int) -> None:
        self.dice = np.random.default_rng(seed)
        self.desk = Desk()
        self.lives: list[Life] = []
        self.executions: list[tuple[Life, int, str]] = []
        self.waiting: list[tuple[Life, object]] = []
        self.events = []
        self.looks = 0
        self.desk.intent(new(1, 100, limit=100))
        self.live(100)
        self.tell(self.lives[0], self.shown(self.lives[0]))
        self.checkpoint()

    # The broker.

    def live(self, quantity: int) -> None:
        self.lives.append(Life(1_001 + len(self.lives), quantity))

    def shown(self, life: Life):
        return open_order(quantity=life.quantity, limit=100, perm_id=life.perm_id)

    def state(self, life: Life):
        return status_of(life.status, perm_id=life.perm_id, filled=life.filled, remaining=life.quantity - life.filled)

    def fill(self, life: Life, quantity: int) -> None:
        life.filled += quantity
        self.executions.append((life, quantity, f"e.e.{len(self.executions):04}.01"))
        if life.filled == life.quantity:
            life.status = "Filled"
        self.waiting += [(life, self.executed(self.executions[-1])), (life, self.state(life))]

    def cancel(self, life: Life) -> None:
        life.status = "Cancelled"
        self.waiting.append((life, self.state(life)))

    def executed(self, one):
        life, quantity, exec_id = one
        return execution(quantity, exec_id=exec_id, perm_id=life.perm_id)

    def truth(self) -> list:
        """Return all that the broker says when it is asked for everything, in some order."""
        told = [self.shown(life) for life in self.lives if life.status == "Submitted"]
        told += [completed(life.status, quantity=life.quantity, perm_id=life.perm_id, filled=life.filled)
                 for life in self.lives if life.status != "Submitted"]
        told += [self.executed(one) for one in self.executions]
        for life in self.lives:
            life.is_told = True
        return [told[i] for i in self.dice.permutation(len(told))]

    # What reaches us.

    def tell(self, life: Life, message) -> None:
        life.is_told = True
        self.took(self.desk.say, message)

    def took(self, do, *given) -> None:
        """Do what lets evidence in, and keep it as the journal would."""
        broker = self.desk.broker
        events, taken = broker.events, []
        broker.events = lambda: taken.extend(new := events()) or new
        try:
            do(*given)
        finally:
            broker.events = events
        self.events += taken

    def checkpoint(self) -> None:
        self.saved = (self.desk.broker.state(), self.desk.manager.state(), self.desk.gate.state())
        self.events = []

    def killed(self) -> None:
        """Begin another process from the last snapshot and what the journal has since."""
        memory, manager, gate = self.saved
        after = Desk(connected=False, memory=memory)
        after.manager.restore(manager)
        after.gate.restore(gate)
        for event in self.events:
            after.broker.heard(event)
            after.manager.on_broker(event)
        self.desk, self.looks, self.waiting = after, 0, []
        after.broker.arm()
        self.took(after.connect, *self.truth())

    def step(self) -> None:
        """Let one thing happen: to a life that works, between us and the broker, or to a message."""
        open_ones = [life for life in self.lives if life.status == "Submitted"]
        if open_ones and self.dice.random() < 0.4:
            self.happen(open_ones[int(self.dice.integers(len(open_ones)))])
        elif self.waiting and self.dice.random() < 0.5:
            at = int(self.dice.integers(len(self.waiting)))
            self.tell(*self.waiting[at])
            if self.dice.random() < 0.7:
                del self.waiting[at]
        else:
            deeds = (self.look, self.reconnect, self.killed, self.checkpoint)
            deeds[int(self.dice.integers(len(deeds)))]()

    def happen(self, life: Life) -> None:
        match int(self.dice.integers(5)):
            case 0 if len(self.lives) < LIVES_MAX:
                self.live(int(self.dice.choice([20, 50, 100])))
                self.waiting.append((self.lives[-1], self.shown(self.lives[-1])))
            case 1 | 2:
                self.fill(life, int(self.dice.integers(1, life.quantity - life.filled + 1)))
            case 3:
                self.cancel(life)
            case _:
                self.waiting.append((life, self.shown(life)))

    def look(self) -> None:
        self.took(self.desk.wait, float(self.dice.integers(1, 12)))
        if self.desk.looks > self.looks:
            self.looks = self.desk.looks
            self.took(self.desk.answer_look, *self.truth())

    def reconnect(self) -> None:
        self.took(self.desk.disconnect)
        self.waiting = []
        self.took(self.desk.connect, *self.truth())

    def check(self) -> None:
        reserved = self.desk.reserved()
        works = sum(life.works for life in self.lives if life.is_told)
        assert reserved >= works, (reserved, self.lives)
        assert self.desk.gate.working_orders == len(self.desk.manager.orders.open_orders())
        if sum(life.works > 0 for life in self.lives if life.is_told) > 1:
            assert "lives twice" in self.desk.broker.disarmed_because


@pytest.mark.parametrize("seed", range(SEEDS))
def test_what_works_is_reserved_and_what_has_ended_is_not(seed):
    story = Story(seed)
    for _ in range(STEPS):
        story.step()
        story.check()
    for life in story.lives:
        if life.status == "Submitted":
            story.cancel(life)
    story.reconnect()
    for _ in range(3):
        story.took(story.desk.wait, 30.0)
        if story.desk.looks > story.looks:
            story.looks = story.desk.looks
            story.took(story.desk.answer_look, *story.truth())

    desk = story.desk
    assert desk.quantity() == sum(quantity for _, quantity, _ in story.executions)
    assert desk.status().is_terminal, story.lives
    assert (desk.reserved(), desk.gate.working_orders, desk.broker.disarmed_because) == (0, 0, "")
    assert desk.manager.ledger.position(0).quantity == sum(life.filled for life in story.lives)
    if not story.executions:
        assert desk.status() is OrderStatus.CANCELED


def test_a_life_of_which_only_the_state_is_told_counts_with_what_it_had():
    desk = Desk()
    desk.intent(new(1, 60, limit=100))
    desk.say(status_of("Submitted", perm_id=1_001))
    desk.intent(replace(2, 1, quantity=5))
    assert desk.reserved() == 60

    desk.say(open_order(quantity=5, limit=100, perm_id=1_002))

    assert desk.reserved() == 65
    desk.say(status_of("Cancelled", perm_id=1_002), status_of("Filled", perm_id=1_001, filled=60),
             execution(60, perm_id=1_001))
    assert (desk.status(), desk.quantity(), desk.reserved()) == (OrderStatus.FILLED, Decimal(60), 0)


def test_a_change_under_way_counts_for_each_life():
    desk = Desk()
    desk.intent(new(1, 60, limit=100))
    desk.say(open_order(quantity=60, limit=100, perm_id=1_001))
    desk.intent(replace(2, 1, quantity=100))

    desk.say(status_of("Submitted", perm_id=1_002))

    assert desk.reserved() == 200


def test_what_may_fill_is_said_again_when_a_change_is_done():
    desk = working()
    desk.intent(replace(2, 1, limit=99))
    desk.say(status_of("Submitted", perm_id=1_002))
    assert desk.reserved() == 200

    said = desk.say(open_order(limit=99, perm_id=1_002))

    assert [report.exec_type for report in said] == [ExecType.REPLACED, ExecType.RESTATED]
    assert desk.reserved() == 200


def test_lives_that_have_filled_need_no_other_word():
    desk = working()
    desk.say(open_order(limit=100, perm_id=1_002))

    desk.say(execution(100, exec_id="a.a.a.01", perm_id=1_001), execution(100, exec_id="b.b.b.01", perm_id=1_002))

    assert (desk.status(), desk.reserved(), desk.broker.disarmed_because) == (OrderStatus.FILLED, 0, "")


def test_a_life_that_is_found_while_fills_of_another_are_missing_goes_on():
    desk = working()
    desk.say(status_of("Cancelled", perm_id=1_001, filled=50))
    assert desk.status() is OrderStatus.NEW
    desk.say(open_order(limit=100, perm_id=1_002))

    desk.wait(1)
    said = desk.answer_look(execution(50, perm_id=1_001), open_order(limit=100, perm_id=1_002),
                            completed("Cancelled", perm_id=1_001, filled=50))

    assert ExecType.CANCELED not in {report.exec_type for report in said}
    assert (desk.status(), desk.reserved()) == (OrderStatus.PARTIALLY_FILLED, 100)
    desk.say(status_of("Cancelled", perm_id=1_002, filled=0))
    assert (desk.status(), desk.reserved()) == (OrderStatus.CANCELED, 0)


@pytest.mark.parametrize("is_journaled", [True, False])
def test_after_a_restart_nothing_stays_reserved_for_a_life_of_which_nobody_speaks_any_more(is_journaled):
    """Its fill may be in the journal, or told only now; the day after, the broker knows of no other life."""
    desk = working()
    memory, manager, gate = desk.broker.state(), desk.manager.state(), desk.gate.state()
    after = Desk(connected=False, memory=memory)
    after.manager.restore(manager)
    after.gate.restore(gate)
    fill = BrokerEvent(exec_type=ExecType.TRADE, order_id=1, event_time_ns=9, execution_id="a.a.a.01",
                       quantity=Decimal(100), price=Decimal(100), commission=Decimal(1))
    restated = BrokerEvent(exec_type=ExecType.RESTATED, order_id=1, event_time_ns=9, quantity=Decimal(200))
    for event in (restated, fill) if is_journaled else (restated,):
        after.broker.heard(event)
        after.manager.on_broker(event)
    after.broker.arm()

    after.connect(*() if is_journaled else (execution(100, exec_id="a.a.a.01", perm_id=1_001),))
    after.wait(30)

    assert (after.status(), after.quantity(), after.reserved()) == (OrderStatus.FILLED, 100, 0)
    assert (after.gate.working_orders, after.broker.disarmed_because) == (0, "")


def test_an_order_that_lives_again_is_not_forgotten_with_those_that_ended(monkeypatch):
    monkeypatch.setattr(orders, "ENDED_KEPT", 2)
    desk = working()
    desk.say(status_of("Cancelled", perm_id=1_001), open_order(limit=100, perm_id=1_002))

    for number in range(2, 6):
        desk.intent(new(number, limit=100))
        desk.say(status_of("Cancelled", order_id=number, perm_id=2_000 + number))
    desk.say(execution(100, perm_id=1_002))

    assert (desk.status(), desk.quantity(), desk.reserved()) == (OrderStatus.FILLED, 100, 0)


def test_an_end_that_was_told_without_an_id_is_that_of_the_first_life():
    desk = Desk()
    desk.intent(new(1, 100, limit=100))
    desk.say(status_of("Cancelled", perm_id=0, filled=40))
    assert not desk.status().is_terminal

    desk.say(completed("Cancelled", perm_id=1_001, filled=40), execution(40, perm_id=1_001))

    assert (desk.status(), desk.quantity(), desk.reserved()) == (OrderStatus.CANCELED, 40, 0)
    assert desk.count("fills_missing") == 0


def test_an_end_without_an_id_of_one_of_two_lives_makes_us_look():
    desk = working()
    desk.say(open_order(limit=100, perm_id=1_002))
    assert desk.looks == 0

    desk.say(status_of("Cancelled", perm_id=0, filled=0))
    desk.wait(0)

    assert (desk.looks, desk.status(), desk.reserved()) == (1, OrderStatus.NEW, 200)
    desk.answer_look(open_order(limit=100, perm_id=1_002), completed("Cancelled", perm_id=1_001, filled=0))
    assert (desk.status(), desk.reserved()) == (OrderStatus.NEW, 100)
