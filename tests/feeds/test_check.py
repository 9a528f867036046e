"""The report on a file: what `algotrade data check` prints."""

import numpy as np

from algotrade.domain import Flag, Instrument, Instruments, Kind
from algotrade.feeds import Example, QualityRules, check
from algotrade.feeds.check import EXAMPLES_MAX
from tests.feeds.market_files import SECOND_NS, START_NS, table_of, write_parquet
from tests.shared_data import shared_data


def file_with_defects(tmp_path):
    table = table_of("quotes", [START_NS + i * SECOND_NS for i in range(40)])
    table["bid"], table["ask"] = np.full(40, 10.0), np.full(40, 10.01)
    table["bid"][[3, 5]] = 0.0
    table["bid"][7] = 10.02
    table["ask"][20:30] = 10.0
    return write_parquet(tmp_path / "q.parquet", table)


def test_every_flag_is_counted_and_shown_by_its_first_records(tmp_path):
    path = file_with_defects(tmp_path)

    report = check([path])

    assert [facts.path for facts in report.facts] == [path]
    assert (report.records, report.passed, report.quarantined) == (40, 38, 2)
    assert report.counts == {(Kind.QUOTE, Flag.CROSSED): 1, (Kind.QUOTE, Flag.LOCKED): 10,
                             (Kind.QUOTE, Flag.NOT_POSITIVE): 2}
    assert report.examples[Kind.QUOTE, Flag.NOT_POSITIVE][0] == Example(
        sequence=4, event_time_ns=START_NS + 3 * SECOND_NS, symbol="A", kind=Kind.QUOTE, flags=Flag.NOT_POSITIVE,
        values={"bid": 0.0, "ask": 10.01, "bid_size": 100.03, "ask_size": 100.03})
    assert [e.sequence for e in report.examples[Kind.QUOTE, Flag.LOCKED]] == [21, 22, 23, 24, 25][:EXAMPLES_MAX]


def test_rules_and_instruments_are_the_callers(tmp_path):
    path = file_with_defects(tmp_path)
    known = Instruments([Instrument(id=0, symbol="Z"), Instrument(id=1, symbol="A")])

    report = check([path], instruments=known, rules=QualityRules(stale_after_ns=SECOND_NS - 1))

    # Two are quarantined, and the first has nothing before it.
    assert report.counts[Kind.QUOTE, Flag.STALE] == 37
    assert {e.symbol for examples in report.examples.values() for e in examples} == {"A"}


def test_files_are_checked_as_one_run(tmp_path):
    trades = write_parquet(tmp_path / "t.parquet", table_of("trades", [START_NS, START_NS + SECOND_NS]))

    report = check([file_with_defects(tmp_path), trades])

    assert report.records == 42
    assert report.examples[Kind.QUOTE, Flag.NOT_POSITIVE][0].sequence == 6


def test_a_real_file_with_defects():
    report = check([shared_data("us_equity_daily/djia31_2006_2017.parquet")])

    assert report.quarantined == 177
    assert report.counts[Kind.BAR, Flag.INCONSISTENT] == 151
    assert len(report.examples[Kind.BAR, Flag.NOT_FINITE]) == EXAMPLES_MAX
    zero = report.examples[Kind.BAR, Flag.NOT_POSITIVE][0]
    assert (zero.symbol, zero.values["low"]) == ("HD", 0.0)
