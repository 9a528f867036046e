"""The commands that look: `data`, `bus`, and the help of all of them."""

import json
import os
import pty
import re
import subprocess
import urllib.request

import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from algotrade.bus import LocalBus, Outgoing, Schema, TopicReader, encode, values_of
from algotrade.bus.topics import ORDER_PLANE, PLANES, STRATEGY_PLANE, TOPICS
from algotrade.domain import NewOrder, SystemClock
from algotrade_runners.host import EXIT_WORLD
from algotrade_runners.positions import position_name
from tests.integration.runs import COMMAND, RUN_S_MAX, Started, algotrade, demo
from tests.integration.ticks import write_quotes, write_trades

COMMANDS = [(), ("demo",), ("run",), ("data",), ("data", "check"), ("data", "convert"), ("gateway",), ("bus",),
            ("warm",), ("signals",), *(("signals", command) for command in ("list", "show", "plot")),
            *(("bus", command) for command in
              ("topics", "tail", "stats", "lag", "create", "describe", "check", "dead")),
            *(("bus", "dead", command) for command in ("list", "show", "replay"))]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ran")
    summary = demo(folder / "out", "--data", write_quotes(folder / "quotes.parquet", 30_000))
    return f"local:{folder / 'out' / 'bus'}", summary


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_help_has_an_example_of_itself(command):
    words = " ".join(algotrade(*command, "--help").stdout.split())
    assert f"example: algotrade {' '.join(command)}".rstrip() in words


def test_the_version_is_one_line():
    assert re.fullmatch(r"algotrade \d+\.\d+\.\d+\n", algotrade("--version").stdout)


def test_check_says_what_is_in_a_file_and_what_the_gate_noticed(tmp_path):
    table = pq.read_table(write_quotes(tmp_path / "quotes.parquet", 1_000))
    bid = table.column("bid").to_numpy().copy()
    bid[500] = -1.0
    pq.write_table(table.set_column(2, "bid", [bid]), tmp_path / "quotes.parquet")

    printed = algotrade("data", "check", tmp_path / "quotes.parquet").stdout
    assert "999 records pass, 1 are quarantined" in printed
    assert re.search(r"not_positive\s.*501 2013-10-07T\S+ AAA bid=-1 ", printed)


def test_convert_sorts_changes_the_format_and_loses_nothing(tmp_path):
    table = pq.read_table(write_trades(tmp_path / "trades.parquet", 500))
    backwards = table.take(list(range(499, -1, -1)))
    pyarrow.csv.write_csv(backwards, tmp_path / "backwards.csv")

    done = algotrade("data", "convert", tmp_path / "backwards.csv", tmp_path / "sorted.parquet")
    assert "500 rows" in done.stdout
    found = pq.read_table(tmp_path / "sorted.parquet")
    for column in ("ts_event", "price", "size"):
        assert found.column(column).to_pylist() == table.column(column).to_pylist()

    again = algotrade("data", "convert", tmp_path / "backwards.csv", tmp_path / "sorted.parquet")
    assert again.returncode == EXIT_WORLD
    assert "unless told to replace it" in again.stderr
    assert algotrade("data", "convert", tmp_path / "backwards.csv", tmp_path / "sorted.parquet",
                     "--replace").returncode == 0


def test_csv_and_parquet_of_the_same_data_give_the_same_fills(ran, tmp_path):
    _, summary = ran
    source = write_quotes(tmp_path / "quotes.parquet", 30_000)
    assert algotrade("data", "convert", source, tmp_path / "quotes.csv").returncode == 0
    assert demo(tmp_path / "out", "--data", tmp_path / "quotes.csv")["fills_sha256"] == summary["fills_sha256"]


def test_topics_lists_every_topic_with_its_bounds(ran):
    address, summary = ran
    printed = algotrade("bus", "topics", "--bus", address, env={**os.environ, "COLUMNS": "200"}).stdout
    alive = {name for name in TOPICS if not name.endswith(".dead")}
    assert {name for name in TOPICS if f" {name} " in printed} == alive
    (intents,) = [line for line in printed.splitlines() if " orders.intents " in line]
    assert f" {summary['intents']:,} " in intents


def test_tail_prints_messages_as_json(ran):
    address, summary = ran
    lines = algotrade("bus", "tail", "orders.intents", "-n", "3", "--bus", address).stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["position"] for row in rows] == list(range(summary["intents"] - 3, summary["intents"]))
    assert {row["schema"] for row in rows} == {"INTENT"}

    market = json.loads(algotrade("bus", "tail", "market.quotes", "-n", "1", "--bus", address).stdout)
    assert market["last"]["sequence"] == 30_000


def test_stats_says_how_far_each_reader_is_behind(ran):
    address, _ = ran
    printed = algotrade("bus", "stats", "--bus", address).stdout
    assert "dead letters: none" in printed
    rows = [line.split("│") for line in printed.splitlines() if "-plane" in line]
    assert len(rows) > 8
    assert {row[5].strip() for row in rows} == {"0"}  # the run has ended: nobody is behind
    assert re.search(r"on disk: \d", printed)


def lag_rows(address):
    """Return (topic, reader) -> the other columns of the table."""
    printed = algotrade("bus", "lag", "--bus", address)
    assert printed.returncode == 0, printed.stderr
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in printed.stdout.splitlines()
             if "-plane" in line]
    return {(row[0], row[1]): row[2:] for row in cells}


def test_lag_tells_messages_and_seconds(ran, tmp_path):
    rows = lag_rows(ran[0])
    assert len(rows) == 10
    assert {(row[2], row[3]) for row in rows.values()} == {("0", "0.0")}

    bus = LocalBus(tmp_path / "bus", STRATEGY_PLANE)
    second_ago = SystemClock().time_ns() - 10**9
    bus.append("orders.intents", [Outgoing(b"k", encode(Schema.INTENT, b"", second_ago + n)) for n in range(1_000)])
    assert lag_rows(f"local:{tmp_path / 'bus'}")["orders.intents/0", "order-plane"][:3] == ["0", "1,000", "1,000"]
    bus.promise(position_name(ORDER_PLANE, "orders.intents", 0), 990)
    told = lag_rows(f"local:{tmp_path / 'bus'}")["orders.intents/0", "order-plane"]
    assert told[:3] == ["990", "1,000", "10"]
    assert 1.0 <= float(told[3]) < 60
    bus.close()


def test_dead_letters_are_listed_and_shown(tmp_path):
    writer, bus = (LocalBus(tmp_path / "bus", plane) for plane in (STRATEGY_PLANE, ORDER_PLANE))
    writer.append("orders.intents", [Outgoing(b"k", b"no magic in these forty bytes".ljust(40))])
    assert TopicReader(bus, "orders.intents", values_of(Schema.INTENT, NewOrder), group=ORDER_PLANE).read(10) == []
    writer.close()
    bus.close()
    address = f"local:{tmp_path / 'bus'}"

    listed = algotrade("bus", "dead", "list", "--bus", address).stdout
    shown = algotrade("bus", "dead", "show", "orders.intents.dead", "0", "--bus", address).stdout

    assert re.search(r"orders\.intents\.dead 0\s.*orders\.intents\s.*order-plane\s.*magic", listed)
    assert "orders.intents/0 position 0, 40 bytes, read by order-plane" in shown
    assert "6e 6f 20 6d" in shown
    assert "  no magic in thes" in shown
    beyond = algotrade("bus", "dead", "show", "orders.intents.dead", "1", "--bus", address)
    assert beyond.returncode != 0
    assert "has 0 to 0" in beyond.stderr


@pytest.mark.parametrize("words", [("bus", "topics"), ("bus", "stats"), ("bus", "tail", "orders.intents")])
def test_what_is_no_bus_is_refused(words, tmp_path):
    done = algotrade(*words, "--bus", f"local:{tmp_path}")
    assert done.returncode == EXIT_WORLD
    assert f"{tmp_path} holds no bus" in done.stderr


def test_an_unknown_topic_is_named_with_those_that_exist(ran):
    done = algotrade("bus", "tail", "orders.intent", "--bus", ran[0])
    assert done.returncode == EXIT_WORLD
    assert "'orders.intent'" in done.stderr
    assert "orders.intents" in done.stderr


def test_on_a_terminal_the_planes_have_a_moving_line_each(tmp_path):
    quotes = write_quotes(tmp_path / "quotes.parquet", 5_000)
    parent, child = pty.openpty()
    process = subprocess.Popen([COMMAND, "demo", "--out", tmp_path / "out", "--data", quotes], stdout=child,
                               stderr=child, env={**os.environ, "TERM": "xterm", "COLUMNS": "100"})
    os.close(child)
    shown = b""
    try:
        while part := os.read(parent, 65_536):
            shown += part
    except OSError:  # how Linux says that the other end is closed and everything read
        pass
    os.close(parent)
    assert process.wait(RUN_S_MAX) == 0, shown
    for plane in PLANES:
        assert re.search(rf"{plane}.*100%".encode(), shown), shown
    assert b"\x1b[" in shown


def test_running_planes_answer_and_nobody_can_start_on_their_bus(tmp_path):
    ticks = ["--data", write_quotes(tmp_path / "quotes.parquet", 30_000)]
    out = tmp_path / "out"
    run = Started(out, [*ticks, "--speed", "200"])
    run.wait_until_handled(ORDER_PLANE, 500)
    for plane in PLANES:
        first = json.loads((out / "logs" / f"{plane}.log").read_text().splitlines()[0])
        assert first["event"] == "started"
        for path, expected in (("healthz", b""), ("readyz", b""), ("metrics", b"algotrade_")):
            with urllib.request.urlopen(f"http://127.0.0.1:{first['port']}/{path}", timeout=10) as answer:
                assert answer.status == 200
                assert expected in answer.read()
    for words in (["--resume", out / "bus"], ["--bus", f"local:{out / 'bus'}"]):
        second = algotrade("demo", *words, "--out", tmp_path / "second", *ticks)
        assert second.returncode == EXIT_WORLD
        assert "is in use by a running process" in second.stderr
    assert run.process.poll() is None
    run.interrupt()
    assert run.end(timeout_s=10)[0] == 130
