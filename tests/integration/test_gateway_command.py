"""`algotrade gateway`: it says where it listens, serves what its options say, and ends when it is told to."""

import re
import signal
import subprocess
from datetime import UTC, datetime

import pytest

from algotrade.ibkr.wire.answers.contracts import SymbolSamples
from algotrade.ibkr.wire.answers.history import HeadTimestamp, HistoricalData
from algotrade.ibkr.wire.answers.link import CurrentTime, ManagedAccounts
from algotrade.ibkr.wire.records import Contract
from algotrade.ibkr.wire.requests import (
    RequestCurrentTime,
    RequestHeadTimestamp,
    RequestHistoricalData,
    RequestMatchingSymbols,
)
from algotrade_runners.host import EXIT_OK, EXIT_USAGE, EXIT_WORLD
from tests.gateway.raw import Raw
from tests.integration.runs import COMMAND
from tests.integration.ticks import write_quotes, write_trades

STOP_S_MAX = 5.0
LINE = re.compile(r"algotrade gateway listens on 127\.0\.0\.1:(\d+), account (\w+), (\d+) instruments?, "
                  r"market time (\S+), speed (\S+?)(?:, seed (\d+))?\n")


class Running:
    """The command, and what it said when it listened."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen([COMMAND, "gateway", "--port", "0", *options], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        line = self.process.stdout.readline()
        self.told = LINE.fullmatch(line)
        assert self.told, (line, self.process.stderr.read() if self.process.poll() is not None else "")
        self.port = int(self.told[1])
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def asked(client, request, kind):
    client.ask(request)
    return client.until(lambda m: isinstance(m, kind))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_a_made_up_market_and_ends_within_seconds(number):
    start = "2013-10-08T14:00:00Z"
    with Running("--generate", "7", "--account", "DU7", "--start-at", start, "--speed", "0") as running:
        assert running.told.groups()[1:] == ("DU7", "4", start, "0", "7")
        with Raw(running.port).start() as client:
            assert next(m for m in client.seen if isinstance(m, ManagedAccounts)).accounts == "DU7"
            assert asked(client, RequestCurrentTime(), CurrentTime).time_s == 1_381_240_800
            aaa = Contract(symbol="AAA", sec_type="STK", exchange="SMART", currency="USD")
            found = asked(client, RequestHistoricalData(
                req_id=1, contract=aaa, end="", bar_size="1 hour", duration="7200 S", use_rth=0, what_to_show="TRADES",
                format_date=2), HistoricalData)
            assert [bar.date for bar in found.bars] == ["1381233600", "1381237200"]
            running.process.send_signal(number)
            assert running.process.wait(STOP_S_MAX) == EXIT_OK
            assert client.closed()


def test_it_serves_files_from_a_folder(tmp_path):
    write_quotes(tmp_path / "quotes.parquet", 2_000)
    write_trades(tmp_path / "trades.parquet", 1_000)
    (tmp_path / "notes.txt").write_text("no data")
    with Running("--data", str(tmp_path), "--max-server-version", "163") as running, Raw(running.port) as client:
        assert client.greet()[0] == 163


def test_without_data_it_serves_the_sample():
    with Running("--start-at", "2013-03-02T00:00:00Z", "--speed", "0") as running, Raw(running.port).start() as client:
        assert running.told[3] == "5"
        found = asked(client, RequestMatchingSymbols(req_id=1, pattern="I"), SymbolSamples)
        ibm = Contract(con_id=found.samples[0].con_id, exchange="SMART")
        head = asked(client, RequestHeadTimestamp(
            req_id=2, contract=ibm, use_rth=1, what_to_show="TRADES", format_date=2), HeadTimestamp)
        assert datetime.fromtimestamp(int(head.timestamp), UTC).date().isoformat() == "2000-03-01"
        days = asked(client, RequestHistoricalData(
            req_id=3, contract=ibm, end="", bar_size="1 day", duration="1 Y", use_rth=1, what_to_show="TRADES",
            format_date=1), HistoricalData)
        assert (len(days.bars), days.bars[-1].date) == (251, "20130301")


@pytest.mark.parametrize(("options", "code", "message"), [
    (("--generate", "1", "--data", "x.parquet"), EXIT_USAGE, "--generate and --data"),
    (("--data", "missing.parquet"), EXIT_WORLD, "missing.parquet"),
    (("--start-at", "yesterday"), EXIT_USAGE, "with its zone"), (("--start-at", "2013-10-08"), EXIT_USAGE, "zone"),
    (("--speed", "-1"), EXIT_USAGE, "speed"), (("--max-server-version", "200"), EXIT_USAGE, "178"),
    (("--generate", "1", "--calendar", "NOWHERE"), EXIT_USAGE, "--generate and --calendar"),
])
def test_what_cannot_be_is_refused_in_words(options, code, message):
    done = subprocess.run([COMMAND, "gateway", "--port", "0", *options], capture_output=True, text=True, check=False)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_an_error_of_the_world():
    with Running("--generate", "1") as running:
        done = subprocess.run([COMMAND, "gateway", "--port", str(running.port), "--generate", "1"],
                              capture_output=True, text=True, check=False)
        assert (done.returncode, f"--port {running.port}" in done.stderr) == (EXIT_WORLD, True)
