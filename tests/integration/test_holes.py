"""Messages that are missing from the local log are told, or published again; nothing goes on as if they had been."""

import contextlib

import apsw

from algotrade.bus.topics import DATA_PLANE, MARKET_QUOTES
from tests.integration.holes import assert_refused, events, killed_run, resumed
from tests.torture.conftest import busy, ticks, undisturbed  # noqa: F401 -- fixtures
from tests.torture.drills import RESULTS


def test_a_snapshot_older_than_the_log_is_refused(ticks, tmp_path):  # noqa: F811
    killed_run(tmp_path, ticks)
    begins = delete(tmp_path, lambda oldest, following: (oldest, following - 1))

    assert_refused(tmp_path, *resumed(tmp_path, ticks), MARKET_QUOTES, begins)


def test_what_a_market_log_lost_after_the_snapshot_is_published_again(undisturbed, ticks, tmp_path):  # noqa: F811
    """On one host the snapshot lies in the same file, so only damage does this; on a cluster a loss of power may."""
    killed_run(tmp_path, ticks)
    ends = delete(tmp_path, lambda oldest, following: (following * 2 // 3, following))

    code, output = resumed(tmp_path, ticks)

    assert code == 0, output
    (hole,) = events(tmp_path, DATA_PLANE, "log_hole")
    assert (hole["topic"], hole["from"]) == (MARKET_QUOTES, ends * 2 // 3)
    assert hole["then"] == "the feed is read again from its beginning"
    for name in RESULTS:
        assert (tmp_path / name).read_bytes() == (undisturbed / name).read_bytes(), name


def delete(out, which):
    """Delete quotes by hand, from one position up to another of those kept; return the one after the last."""
    with contextlib.closing(apsw.Connection(str(out / "bus" / f"{DATA_PLANE}.db"))) as file, file:
        ((oldest, following),) = file.execute('SELECT min(position), max(position) + 1 FROM "market.quotes/0"')
        first, end = which(oldest, following)
        file.execute('DELETE FROM "market.quotes/0" WHERE position >= ? AND position < ?', (first, end))
        if first == oldest:
            file.execute("UPDATE logs SET oldest = ?, next = ? WHERE topic = ?", (end, following, MARKET_QUOTES))
    return end
