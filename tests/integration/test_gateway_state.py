"""`algotrade gateway` with --state, --scenario and --control-port: what outlives its end, and what is refused."""

import json
import re
import signal
import subprocess
import urllib.request
from contextlib import contextmanager
from decimal import Decimal

import msgspec
import pytest

from algotrade.domain import SystemClock
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from algotrade.ibkr.wire.records import Contract, Order
from algotrade_runners.gateway.kept import VERSION, Kept
from algotrade_runners.host import EXIT_OK, EXIT_USAGE, EXIT_WORLD
from tests.gateway.raw import Raw
from tests.integration.runs import COMMAND

START = "2013-10-08T14:00:00Z"
STOP_S_MAX = 5.0
WAIT_S = 20.0
LINE = re.compile(r"algotrade gateway listens on 127\.0\.0\.1:(\d+), account (\w+), 4 instruments, market time (\S+), "
                  r"speed 0, seed 7(?:, seed of the scenario (\d+))?(?:, control port (\d+))?\n")
AAA = Contract(symbol="AAA", sec_type="STK", exchange="SMART", currency="USD")
CLOCK = SystemClock()


class Gateway:
    """The command, what it said, and its control port."""

    def __init__(self, process, told):
        self.process = process
        self.port, self.market_time, self.seed = int(told[1]), told[3], told[4]
        self.control_port = int(told[5])

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.control_port}{path}", data, timeout=WAIT_S) as answer:
            return json.loads(answer.read())

    def advance(self, seconds):
        return self.ask("/clock/advance", {"seconds": seconds})

    def client(self, client_id=1):
        return Raw(self.port).start(client_id)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(STOP_S_MAX)


@contextmanager
def running(*options, account="DU7"):
    command = [COMMAND, "gateway", "--port", "0", "--control-port", "0", "--generate", "7", "--speed", "0",
               "--start-at", START, "--account", account, *map(str, options)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        line = process.stdout.readline()
        told = LINE.fullmatch(line)
        assert told, line
        yield Gateway(process, told)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def order(order_id, kind="MKT", limit=None, quantity=100):
    return r.PlaceOrder(order_id=order_id, contract=AAA, order=Order(
        action="BUY", total_quantity=Decimal(quantity), order_type=kind, lmt_price=limit, tif="GTC",
        order_ref=f"ours {order_id}"))


def what_is(client):
    """Return the facts that a client can ask for: open orders, executions, positions, cash."""
    begin, ended = len(client.seen), sum(isinstance(m, a.AccountSummaryEnd) for m in client.seen)
    client.ask(r.RequestAllOpenOrders(), r.RequestExecutions(req_id=1), r.RequestPositions(),
               r.RequestAccountSummary(req_id=2, group="All", tags="TotalCashValue"))
    client.until_count(a.AccountSummaryEnd, ended + 1)
    client.ask(r.CancelAccountSummary(req_id=2))
    told = client.seen[begin:]
    return (sorted((m.order.order_ref, m.order.perm_id, m.order.total_quantity)
                   for m in told if isinstance(m, a.OpenOrder)),
            sorted((m.execution.exec_id, m.execution.shares, m.execution.price)
                   for m in told if isinstance(m, a.ExecutionData) and m.req_id == 1),
            [(m.contract.symbol, m.position) for m in told if isinstance(m, a.PositionData)],
            [Decimal(m.value) for m in told if isinstance(m, a.AccountSummary)])


def next_id(client):
    return next(m.order_id for m in client.seen if isinstance(m, a.NextValidId))


def traded(gateway):
    """Let a client buy and leave an order; return the facts."""
    gateway.advance(5)
    with gateway.client() as client:
        client.ask(order(1), order(2, "LMT", Decimal("1.00")))
        client.until(lambda m: isinstance(m, a.OpenOrder) and m.order_id == 2)
        gateway.advance(5)
        client.until(lambda m: isinstance(m, a.CommissionReport))
        facts = what_is(client)
    assert (len(facts[0]), len(facts[1]), facts[2], len(facts[3])) == (1, 1, [("AAA", Decimal(100))], 1)
    return facts


def saved(path, facts):
    """Whether the file holds what was traded: it is written every second, and at the end."""
    if not path.exists():
        return False
    kept = msgspec.msgpack.decode(path.read_bytes(), type=Kept)
    return any(execution in str(kept.trading) for execution, *_ in facts[1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_orders_executions_and_positions_outlive_its_end(number, tmp_path):
    """Killed, it loses at most what happened since it last wrote, a second before."""
    state = tmp_path / "state"
    with running("--state", state) as gateway:
        facts = traded(gateway)
        deadline_ns = CLOCK.monotonic_ns() + int(WAIT_S * 1e9)
        while not saved(state, facts):
            assert CLOCK.monotonic_ns() < deadline_ns
            gateway.ask("/status")
        assert gateway.end(number) == (EXIT_OK if number == signal.SIGTERM else -signal.SIGKILL)
    with running("--state", state) as gateway:
        assert gateway.market_time == "2013-10-08T14:00:10Z"
        with gateway.client() as client:
            assert what_is(client) == facts
            assert next_id(client) == 3
            # An execution of before is corrected like one of now.
            gateway.ask("/faults", {"kind": "corrected", "quantity": 60})
            _, executions, positions, _ = what_is(client)
            assert executions == [*facts[1], (f"{facts[1][0][0][:-2]}02", 60, facts[1][0][2])]
            assert set(positions) == {("AAA", Decimal(60))}
            gateway.ask("/faults", {"kind": "corrected", "quantity": 100})
            client.ask(order(3))
            client.until(lambda m: isinstance(m, a.OpenOrder) and m.order_id == 3)
            gateway.advance(5)
            client.until(lambda m: isinstance(m, a.ExecutionData) and m.order_id == 3)
            assert what_is(client)[2] == [("AAA", Decimal(200))]


def test_a_scenario_is_played_and_its_seed_printed(tmp_path):
    path = tmp_path / "faults.toml"
    path.write_text('seed = 11\n[[fault]]\nat_s = 5\nkind = "link_lost"\nseconds = 2\n')
    with running("--scenario", path) as gateway, gateway.client() as client:
        assert gateway.seed == "11"
        gateway.advance(10)
        assert client.error(1102)
        assert [m.code for m in client.seen if isinstance(m, a.ErrorMessage)][-2:] == [1100, 1102]


def damaged(path, how):
    data = path.read_bytes()
    path.write_bytes({
        "empty": b"", "truncated": data[: len(data) // 2], "garbage": bytes(range(256)) * 20,
        "of another version": msgspec.msgpack.encode({"version": VERSION + 1, "accounts": ["DU7"], "more": 3}),
    }.get(how, data))


@pytest.mark.parametrize(("how", "words"), [
    ("empty", "none of this version"), ("truncated", "none of this version"), ("garbage", "none of this version"),
    ("of another version", f"version {VERSION + 1} of DU7; allowed: version {VERSION} of DU7"),
    ("of another account", f"version {VERSION} of DU7; allowed: version {VERSION} of DU8"),
])
def test_a_file_that_is_none_of_ours_is_refused_by_name_and_left_as_it_is(how, words, tmp_path):
    state = tmp_path / "state"
    with running("--state", state) as gateway:
        traded(gateway)
        assert gateway.end() == EXIT_OK
    damaged(state, how)
    before = state.read_bytes()

    account = "DU8" if how == "of another account" else "DU7"
    done = subprocess.run([COMMAND, "gateway", "--port", "0", "--generate", "7", "--account", account,
                           "--state", str(state)], capture_output=True, text=True, check=False, timeout=WAIT_S)

    assert done.returncode == EXIT_WORLD
    assert str(state) in done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert state.read_bytes() == before


def test_a_scenario_that_is_none_is_a_wrong_use(tmp_path):
    path = tmp_path / "faults.toml"
    path.write_text('[[fault]]\nat_s = 1\nkind = "earthquake"\n')
    done = subprocess.run([COMMAND, "gateway", "--port", "0", "--generate", "7", "--scenario", str(path)],
                          capture_output=True, text=True, check=False, timeout=WAIT_S)
    assert done.returncode == EXIT_USAGE
    assert "faults.toml" in done.stderr
    assert "earthquake" in done.stderr


def test_a_control_port_that_is_taken_is_an_error_of_the_world():
    with running() as gateway:
        done = subprocess.run([COMMAND, "gateway", "--port", "0", "--generate", "7", "--control-port",
                               str(gateway.control_port)], capture_output=True, text=True, check=False, timeout=WAIT_S)
        assert (done.returncode, f"--control-port {gateway.control_port}" in done.stderr) == (EXIT_WORLD, True)
