"""Whose reports reach a plain-Python strategy."""

import msgspec
import pytest

from algotrade.domain import Kind, Side
from algotrade.strategy import PythonRunner, Strategy
from tests.strategy.worlds import INSTRUMENTS, RUN, bars, filled


class Once(Strategy):
    """Buys at every bar; remembers every report."""

    name = "once"
    kinds = frozenset({Kind.BAR})

    def __init__(self):
        self.reports = []

    def on_bar(self, record, orders):
        orders.market(0, Side.BUY, 1, lifetime_ns=5)

    def on_report(self, report):
        self.reports.append(report)


@pytest.mark.parametrize("change", [{"run": "run-2"}, {"strategy": "another"}])
def test_a_report_of_another_run_or_strategy_does_not_reach_it(change):
    strategy = Once()
    runner = PythonRunner(strategy, INSTRUMENTS, RUN)
    _, [order] = runner.advance(Kind.BAR, bars(1, 1))
    [report] = filled(order)
    other = msgspec.structs.replace(report, intent_id=msgspec.structs.replace(order.id, **change))

    runner.fold([other, report, other])

    assert strategy.reports == [report]
