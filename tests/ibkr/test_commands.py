"""``algotrade ibkr check`` and ``record``, against a server on a real socket: what they print, and how they fail."""

import os
import subprocess
import sys
from decimal import Decimal

import pytest
from typer.testing import CliRunner

from algotrade.ibkr.recording import read_recording
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import framed
from algotrade.ibkr.wire import requests as r
from algotrade.ibkr.wire.records import Contract, Order, OrderState
from algotrade_runners.cli.main import app
from algotrade_runners.host import EXIT_OK, EXIT_USAGE, EXIT_WORLD
from tests.ibkr.session.server import ScriptedServer, notice

IBM = Contract(con_id=8314, symbol="IBM", sec_type="STK", exchange="SMART", currency="USD", local_symbol="IBM")


@pytest.fixture
def server():
    server = ScriptedServer()
    yield server
    server.close()


@pytest.fixture(params=["ib_insync", "ib_async"])
def library(request):
    return request.param


def check(server, *more, **environment):
    result = CliRunner().invoke(app, ["ibkr", "check", "--port", str(server.port), *more],
                                env={"IBKR_ACCOUNT": None, **environment})
    return result.exit_code, result.stdout, result.stderr


def test_check_tells_what_is_there(server, library):
    server.before[r.RequestPositions] = [
        a.PositionData(account="DU1234567", contract=IBM, position=Decimal(1500), average_cost=Decimal("131.25"))]
    server.before[r.RequestAllOpenOrders] = [a.OpenOrder(
        order_id=12, contract=IBM, state=OrderState(status="Submitted"),
        order=Order(action="BUY", total_quantity=Decimal(100), order_type="LMT", lmt_price=Decimal("130.5"),
                    client_id=9, perm_id=777, order_ref="ema/1"))]
    server.before[r.RequestMarketData] = lambda asked: [notice(354, "not subscribed", asked.req_id)]
    server.first = [notice(2103, "Market data farm connection is broken:eufarm")]
    code, out, _ = check(server, IBKR_CLIENT=library)
    assert code == EXIT_OK, out
    for text in ("DU1234567", "paper", "176", library, "usfarm", "broken", "IBM STK USD", "1,500", "131.25", "130.5",
                 "Submitted", "ema/1", "777", "client id 1", "agrees with ours", "orders could be sent (none was)",
                 "IBM: none (354: not subscribed)"):
        assert text in out
    assert not server.asked(r.PlaceOrder)


def test_check_says_that_the_market_is_delayed(server):
    server.before[r.RequestMarketData] = lambda asked: [
        a.MarketDataType(req_id=asked.req_id, data_type=3),
        a.TickPrice(req_id=asked.req_id, tick_type=66, price=100.0, size=1.0, mask=0)]
    code, out, _ = check(server, "--symbol", "AAPL")
    assert code == EXIT_OK
    assert "AAPL: delayed" in out


def test_check_is_not_content_without_the_snapshots(server):
    server.withheld = {r.RequestPositions}
    server.before[r.RequestMarketData] = lambda asked: [notice(354, "not subscribed", asked.req_id)]
    code, out, _ = check(server, "--wait", "1")
    assert code == EXIT_WORLD
    assert "positions not told to the end" in out


def fails(server, words, *more, code=EXIT_WORLD, **environment):
    found, out, err = check(server, *more, **environment)
    assert found == code, (out, err)
    assert words in " ".join(err.split())
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err


def test_nothing_listens(server):
    server.close()
    fails(server, "takes no connection")


def test_closed_at_once(server):
    server.close_at_once = True
    fails(server, "enable socket clients in its API settings, and trust this host's address")


def test_not_an_api_port(server):
    server.greeting = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    fails(server, "is not TWS or the Gateway")


def test_silence(server):
    server.greeting = None
    fails(server, "did not greet within 0.5 s", "--timeout", "0.5")


def test_client_id_in_use(server):
    server.refuse_code = 326
    fails(server, "client id 5 is in use", "--client-id", "5")


def test_version_too_old(server):
    server.version = 120
    fails(server, "version 120; allowed: 157 to 178")


def test_an_answer_that_is_no_frame(server):
    server.greeting = framed(b"\x01\x02\0")
    fails(server, "is not TWS or the Gateway")


def test_nobody_is_logged_in(server):
    server.withheld = {a.ManagedAccounts}
    fails(server, "did not name an account within 0.5 s: is somebody logged in?", "--timeout", "0.5")


def test_live_account_on_a_paper_setting(server):
    server.accounts = "U1234567"
    fails(server, "U1234567 is not a paper account", code=EXIT_USAGE)


def test_another_account_than_the_settings(server):
    fails(server, "this login manages: DU1234567", code=EXIT_USAGE, IBKR_ACCOUNT="DU7777777")


def test_a_live_port_is_not_even_tried(server):
    result = CliRunner().invoke(app, ["ibkr", "check", "--port", "7496"])
    assert result.exit_code == EXIT_USAGE
    assert "IBKR_PORT is 7496" in result.stderr


def test_a_setting_that_is_wrong_is_named(server):
    fails(server, "IBKR_CLIENT is 'ibapi'; allowed: ib_insync, ib_async", code=EXIT_USAGE, IBKR_CLIENT="ibapi")


def test_a_missing_library_names_the_extra(server, monkeypatch):
    monkeypatch.setitem(sys.modules, "ib_async.client", None)
    fails(server, "pip install 'algotrade[ibkr]'", code=EXIT_USAGE, IBKR_CLIENT="ib_async")


def test_record_writes_a_recording_without_the_account(server, tmp_path, library):
    server.accounts = "DU7654321"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("IBKR_")}
    command = [sys.executable, "-m", "algotrade_runners.cli.main", "ibkr", "record", "--out", str(tmp_path / "new"),
               "--port", str(server.port), "--seconds", "2"]
    done = subprocess.run(command, env={**environment, "IBKR_CLIENT": library}, capture_output=True, text=True,
                          check=False, timeout=60)
    assert done.returncode == EXIT_OK, done.stderr
    (path,) = (tmp_path / "new").iterdir()
    assert str(path) in done.stdout.replace("\n", "")
    assert "7654321" not in path.read_text()
    header, frames = read_recording(path)
    assert header["client"] == library
    kinds = [frame.kind for frame in frames]
    assert kinds[0] == "open"
    assert kinds[-1] == "close"
    assert server.asked(r.RequestHistoricalData)
    assert not server.asked(r.PlaceOrder)


def test_check_names_a_clock_that_is_wrong(server):
    server.time_offset_s = 10
    server.before[r.RequestMarketData] = lambda asked: [notice(354, "not subscribed", asked.req_id)]
    code, out, _ = check(server)
    assert code == EXIT_WORLD
    assert "orders could not be sent: the broker's clock is +" in " ".join(out.split())
