"""Scenario files: what they may say, what is refused in words, and when faults come."""

import re
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.domain.session import NEVER_NS
from algotrade.gateway.faults import FaultRefused, Scenario, fault_of, fault_table, load_scenario
from algotrade.gateway.faults.kinds import LinkLost, Restart
from algotrade.gateway.faults.scenario import DAYS, FAULTS_MAX, Planned

ROOT = Path(__file__).parents[3]
SECOND_NS = 10**9
START_NS = 1_790_000_000 * SECOND_NS
NEW_YORK = ZoneInfo("America/New_York")


def load(tmp_path, text):
    path = tmp_path / "faults.toml"
    path.write_text(text)
    return load_scenario(path)


def times(planned, seed, count=20):
    return list(islice(planned.times_ns(START_NS, seed), count))


def played(scenario, until_ns, step_ns):
    """Return (time, fault) as they come, looked for every ``step_ns``."""
    scenario.begin(START_NS)
    found = []
    for now_ns in range(START_NS, until_ns + 1, step_ns):
        found += [(now_ns, fault) for fault in scenario.due(now_ns)]
    return found


def test_a_file_says_seed_faults_and_when_they_come(tmp_path):
    scenario = load(tmp_path, """
        seed = 7

        [[fault]]
        at_s = 30
        kind = "link_lost"
        seconds = 20
        loses_data = true

        [[fault]]
        at_s = 5
        every_s = 10
        kind = "order_lost"
    """)

    assert scenario.seed == 7
    came = played(scenario, START_NS + 30 * SECOND_NS, SECOND_NS)
    assert [((at - START_NS) // SECOND_NS, fault.__struct_config__.tag) for at, fault in came] == [
        (5, "order_lost"), (15, "order_lost"), (25, "order_lost"), (30, "link_lost")]
    assert came[-1][1] == LinkLost(seconds=20, loses_data=True)
    assert scenario.next_ns == START_NS + 35 * SECOND_NS


def test_an_empty_file_is_a_scenario_without_faults(tmp_path):
    scenario = load(tmp_path, "")
    scenario.begin(START_NS)
    assert (scenario.seed, scenario.due(NEVER_NS), scenario.next_ns) == (0, [], NEVER_NS)


@pytest.mark.parametrize("kind", list(fault_table()))
def test_every_kind_can_be_written_in_a_file(kind, tmp_path):
    more = {"notice": "code = 2110", "liquidation": 'symbol = "IBM"', "manual_trade": 'symbol = "IBM"'}.get(kind, "")
    scenario = load(tmp_path, f'[[fault]]\nat_s = 1\nkind = "{kind}"\n{more}\n')
    scenario.begin(START_NS)
    (fault,) = scenario.due(START_NS + SECOND_NS)
    assert fault.__struct_config__.tag == kind


@pytest.mark.parametrize(("text", "words"), [
    ("seed = -1", ("seed", "a number from 0 on")),
    ("seed = 1.5", ("seed", "a number from 0 on")),
    ("sead = 1", ("sead", "seed")),
    ("fault = 3", ("fault", "tables [[fault]]")),
    ("fault = [3]", ("fault is 3", "a table [[fault]]")),
    ("not toml", ("cannot be read",)),
    ('[[fault]]\nkind = "link_lost"', ("no time, or at two", "at_s, or at")),
    ('[[fault]]\nkind = "link_lost"\nat_s = 1\nat = "00:15 UTC"', ("at two",)),
    ('[[fault]]\nkind = "link_lost"\nat_s = -1', ("at_s is -1", "0 to")),
    ('[[fault]]\nkind = "link_lost"\nat_s = true', ("at_s is True", "0 to")),
    ('[[fault]]\nkind = "link_lost"\nat_s = nan', ("at_s is nan", "0 to")),
    ('[[fault]]\nkind = "link_lost"\nat_s = 1\nevery_s = -2', ("every_s is -2",)),
    ('[[fault]]\nkind = "link_lost"\nat_s = 1\njitter_s = "much"', ("jitter_s is 'much'",)),
    ('[[fault]]\nkind = "link_lost"\nat = "24:00 UTC"', ("at is '24:00 UTC'", "HH:MM and an IANA zone")),
    ('[[fault]]\nkind = "link_lost"\nat = "00:15 Mars/Olympus"', ("Mars/Olympus", "IANA zone")),
    ('[[fault]]\nkind = "link_lost"\nat = "00:15 UTC"\ndays = ["monday"]', ("days is ['monday']", "mon, tue")),
    ('[[fault]]\nkind = "link_lost"\nat = "00:15 UTC"\ndays = []', ("days is []", "mon, tue")),
    ('[[fault]]\nkind = "link_lost"\nat = "00:15 UTC"\ndays = [["mon"]]', ("days is [['mon']]", "mon, tue")),
    ('[[fault]]\nkind = "link_lost"\nat = "00:15 UTC"\ndays = [{a = 1}]', ("days is [{'a': 1}]", "mon, tue")),
    ('[[fault]]\nkind = "link_lost"\nat = "00:15 America"', ("at is '00:15 America'", "IANA zone")),
    ('[[fault]]\nkind = "link_lost"\nat = "00:15 ../etc"', ("at is '00:15 ../etc'", "IANA zone")),
    ('[[fault]]\nkind = "notice"\nat_s = 1\ncode = -5', ("code is -5", "0 to 99999")),
    ('[[fault]]\nkind = "notice"\nat_s = 1\ncode = 4611686018427387904', ("code is 4611686018427387904",)),
    ('[[fault]]\nkind = "corrected"\nat_s = 1\nprice = "NaN"', ("price is NaN", "above 0")),
    ('[[fault]]\nkind = "corrected"\nat_s = 1\nquantity = -5', ("quantity is -5", "above 0")),
    ('[[fault]]\nkind = "liquidation"\nat_s = 1\nsymbol = "IBM"\nquantity = -1', ("quantity is -1", "above 0")),
    ('[[fault]]\nkind = "liquidation"\nat_s = 1\nsymbol = "IBM"\nquantity = "NaN"', ("quantity is NaN",)),
    ('[[fault]]\nkind = "manual_trade"\nat_s = 1\nsymbol = "IBM"\nlimit = 0', ("limit is 0", "above 0")),
    ('[[fault]]\nkind = "manual_trade"\nat_s = 1\nsymbol = "IBM"\nlimit = "Infinity"', ("limit is Infinity",)),
    ('[[fault]]\nkind = "link_lost"\nat = "00:15 UTC"\nevery_s = 3', ("every_s does not go with at",)),
    ('[[fault]]\nkind = "link_lots"\nat_s = 1', ("link_lots", "kinds: ", "link_lost")),
    ("[[fault]]\nat_s = 1", ("kind", "kinds: ")),
    ('[[fault]]\nkind = "link_lost"\nat_s = 1\nsecond = 3', ("second", "fields of link_lost: seconds, loses_data")),
    ('[[fault]]\nkind = "link_lost"\nat_s = 1\nseconds = 0', ("seconds is 0", "above 0")),
    ('[[fault]]\nkind = "link_lost"\nat_s = 1\nseconds = "long"', ("link_lost", "seconds")),
    ('[[fault]]\nkind = "farm_broken"\nat_s = 1\ncode = 2104', ("code is 2104", "2103, 2105, 2157")),
    ('[[fault]]\nkind = "split"\nat_s = 1\nsize_bytes = 0', ("size_bytes is 0", "1 to 65536")),
    ('[[fault]]\nkind = "duplicated_executions"\nat_s = 1\ncopies = 101', ("copies is 101", "1 to 100")),
    ('[[fault]]\nkind = "order_lost"\nat_s = 1\ntimes = 0', ("times is 0", "1 to")),
    ('[[fault]]\nkind = "manual_trade"\nat_s = 1\nsymbol = "IBM"\naction = "HOLD"', ("action is 'HOLD'", "BUY, SELL")),
    ('[[fault]]\nkind = "manual_trade"\nat_s = 1\nsymbol = "IBM"\nquantity = 0', ("quantity is 0", "above 0")),
])
def test_what_cannot_be_is_refused_with_the_file_the_value_and_what_is_allowed(text, words, tmp_path):
    with pytest.raises(FaultRefused) as refused:
        load(tmp_path, text)
    for word in ("faults.toml", *words):
        assert word in str(refused.value)


def test_a_file_that_is_not_there_and_one_with_too_many_faults_are_refused(tmp_path):
    with pytest.raises(FaultRefused, match=r"gone\.toml cannot be read"):
        load_scenario(tmp_path / "gone.toml")
    with pytest.raises(FaultRefused, match=f"up to {FAULTS_MAX}"):
        load(tmp_path, '[[fault]]\nat_s = 1\nkind = "reset"\n' * (FAULTS_MAX + 1))


@given(st.integers(0, 2**40), st.floats(0, 1e5), st.floats(0.1, 1e4), st.floats(0, 1e3))
def test_the_same_seed_gives_the_same_times_within_the_jitter(seed, at_s, every_s, jitter_s):
    planned = Planned(fault=Restart(), at_s=at_s, every_s=every_s, jitter_s=jitter_s)

    found = times(planned, seed)

    assert found == times(planned, seed)
    for k, at_ns in enumerate(found):
        early_ns = START_NS + (at_s + k * every_s) * SECOND_NS
        assert early_ns - 1_000 <= at_ns <= early_ns + jitter_s * SECOND_NS + 1_000


def test_another_seed_gives_other_times_and_faults_are_drawn_apart(tmp_path):
    text = '[[fault]]\nat_s = 0\nevery_s = 100\njitter_s = 90\nkind = "reset"\n' * 2
    until_ns = START_NS + 1_000 * SECOND_NS

    def came(seed):
        return [at for at, _ in played(load(tmp_path, f"seed = {seed}\n{text}"), until_ns, SECOND_NS // 10)]

    assert came(1) == came(1)
    assert came(1) != came(2)
    both = came(1)
    assert len(set(both)) > len(both) // 2 + 1


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(0, 23), st.integers(0, 59),
       st.sampled_from(["America/New_York", "Europe/Zurich", "Asia/Hong_Kong", "UTC"]),
       st.sets(st.sampled_from(DAYS), min_size=1))
def test_a_daily_fault_comes_when_the_wall_clock_says_on_its_days(day, hour, minute, zone, days):
    start = datetime.combine(day, time(12), UTC)
    start_ns = int(start.timestamp()) * SECOND_NS
    planned = Planned(fault=Restart(), daily=(hour, minute, zone), days=tuple(days))

    found = list(islice(planned.times_ns(start_ns, 0), 9))

    assert found == sorted(set(found))
    assert found[0] > start_ns
    local = [datetime.fromtimestamp(at // SECOND_NS, ZoneInfo(zone)) for at in found]
    for one in local:
        # A time that the clocks leave out is told by the offset before the change, an hour later on the wall.
        naive = datetime.combine(one.date(), time(hour, minute))
        exists = naive.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        assert one.replace(tzinfo=None) == exists
        assert DAYS[one.weekday()] in days
    expected = [start.date() - timedelta(days=1) + timedelta(days=k) for k in range(80)]
    wanted = [d for d in expected if DAYS[d.weekday()] in days]
    assert [one.date() for one in local] == [d for d in wanted if d >= local[0].date()][: len(local)]


@pytest.mark.parametrize(("first", "hours"), [(date(2026, 3, 7), 23), (date(2026, 10, 31), 25)])
def test_a_day_on_which_the_clocks_change_is_shorter_or_longer(first, hours):
    planned = Planned(fault=Restart(), daily=(3, 30, "America/New_York"))
    start_ns = int(datetime.combine(first, time(0), NEW_YORK).timestamp()) * SECOND_NS

    one, other = islice(planned.times_ns(start_ns, 0), 2)

    assert (other - one) // SECOND_NS == hours * 3_600


def documented():
    """Return the table's rows: kind -> the cells after it."""
    page = (ROOT / "docs" / "GATEWAY.md").read_text(encoding="utf-8")
    lines = page.split("## Faults on command")[1].split("\n### ")[0].splitlines()
    rows = [line.split("|")[1:-1] for line in lines if line.startswith("| `")]
    return {row[0].strip().strip("`"): [cell.strip() for cell in row[1:]] for row in rows}


def test_the_page_has_every_fault_with_its_fields_and_how_we_know():
    table = documented()
    assert list(table) == list(fault_table())
    for kind, fields in fault_table().items():
        listed, happens, known = table[kind]
        assert re.findall(r"(?:^|, )`(\w+)`", listed) == list(fields), kind
        assert happens, kind
        assert known, kind


def test_the_pages_scenario_loads(tmp_path):
    page = (ROOT / "docs" / "GATEWAY.md").read_text(encoding="utf-8")
    scenario = load(tmp_path, page.split("```toml\n")[1].split("```")[0])
    scenario.begin(START_NS)
    assert scenario.seed == 7
    assert {fault.__struct_config__.tag for fault in scenario.due(START_NS + 86_400 * 7 * SECOND_NS)} == {
        "link_lost", "restart", "duplicated_executions"}


def test_faults_due_at_once_come_in_the_order_of_the_file():
    scenario = Scenario([Planned(fault=fault_of({"kind": "notice", "code": code}), at_s=1) for code in (3, 1, 2)])
    scenario.begin(START_NS)
    assert [fault.code for fault in scenario.due(START_NS + SECOND_NS)] == [3, 1, 2]
