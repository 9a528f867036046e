"""The quality gate exactly at a bound."""

import numpy as np
import pytest

from algotrade.domain import Flag, Kind, MarketBatch
from algotrade.domain.market import LAYOUTS
from algotrade.feeds import QualityGate, QualityRules
from tests.feeds.market_files import MINUTE_NS, instruments
from tests.feeds.plain_gate import flags_of


def minute_bars(starts_ns):
    found = np.zeros(len(starts_ns), LAYOUTS[Kind.BAR])
    for i, (record, start_ns) in enumerate(zip(found, starts_ns, strict=True)):
        record["sequence"], record["open_time_ns"], record["event_time_ns"] = i + 1, start_ns, start_ns + MINUTE_NS
        for name in ("open", "high", "low", "close"):
            record[name] = 100.0
    return MarketBatch.of({Kind.BAR: found})


@pytest.mark.parametrize(("start_ns", "is_gap"), [
    (MINUTE_NS, False), (MINUTE_NS + MINUTE_NS // 2, False), (MINUTE_NS + MINUTE_NS // 2 + 1, True),
])
def test_a_gap_is_more_than_one_and_a_half_durations_from_start_to_start(start_ns, is_gap):
    gate = QualityGate(instruments("A"), QualityRules(), {})

    flags = flags_of(gate, [minute_bars([0, start_ns])])

    assert bool(flags[2] & Flag.GAP) == is_gap
