"""The control port, asked over HTTP as curl would."""

import http.client
import json
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from algotrade.gateway.control import ADVANCE_S_MAX, BODY_BYTES_MAX, Control
from algotrade.gateway.faults import fault_table
from algotrade.ibkr.wire import answers as a
from tests.gateway.faults.world import IBM_QUOTES, World, codes, executions, market_order, placed, seen
from tests.gateway.world import OPEN_NS, SECOND_NS, served

PAGE = Path(__file__).parents[3] / "docs" / "GATEWAY.md"
WAIT_S = 30


class Asked(World):
    """A Gateway with its control port."""

    def __init__(self, hosted, control):
        super().__init__(hosted)
        self.control_port = control.port

    def ask(self, method, path, body=None, headers=None):
        """Return (status, what the answer's JSON says)."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        link = http.client.HTTPConnection("127.0.0.1", self.control_port, timeout=WAIT_S)
        try:
            link.request(method, path, data, headers or {})
            answer = link.getresponse()
            assert answer.getheader("Content-Type") == "application/json"
            return answer.status, json.loads(answer.read())
        finally:
            link.close()


@pytest.fixture
def one():
    with served() as hosted:
        control = Control(hosted.gateway, hosted._loop, 0)
        try:
            yield Asked(hosted, control)
        finally:
            control.close()


def test_status_says_time_and_clients(one):
    with one.client(3), one.client(9):
        status, told = one.ask("GET", "/status")
    assert (status, told["market_ns"], told["clients"], told["has_ended"]) == (200, OPEN_NS - 1, [3, 9], False)


def test_the_clock_is_told_and_stepped(one):
    assert one.ask("GET", "/clock")[1]["market_ns"] == OPEN_NS - 1
    with one.client() as client:
        client.ask(IBM_QUOTES)
        assert not [m for m in seen(client, a.TickPrice) if m.price == 0]
        status, told = one.ask("POST", "/clock/advance", {"seconds": 2.5})
        assert (status, told["market_ns"]) == (200, OPEN_NS - 1 + 2_500_000_000)
        # It answered when all of it was told.
        assert seen(client, a.TickPrice)
    assert one.ask("GET", "/status")[1]["market_ns"] == told["market_ns"]


def test_faults_are_listed_with_their_fields(one):
    assert one.ask("GET", "/faults") == (200, {kind: list(fields) for kind, fields in fault_table().items()})


def test_a_fault_is_set_off_at_once(one):
    with one.client() as client:
        status, told = one.ask("POST", "/faults", {"kind": "link_lost", "seconds": 20})
        assert (status, told) == (200, {"set_off": "link_lost", "market_ns": OPEN_NS - 1})
        assert codes(client) == [1100]
        one.ask("POST", "/clock/advance", {"seconds": 21})
        assert codes(client) == [1100, 1102]


@pytest.mark.parametrize("code", [2107, 2108, 2109, 2110, 1300])
def test_notices_are_told_to_every_client(one, code):
    with one.client(1) as first, one.client(2) as second:
        assert one.ask("POST", "/faults", {"kind": "notice", "code": code})[0] == 200
        assert codes(first) == codes(second) == [code]
        assert all(m.message for m in seen(first, a.ErrorMessage) if m.code == code)


def test_a_broker_trades_over_the_control_port(one):
    with one.client() as client:
        one.advance(2)
        assert one.ask("POST", "/faults", {"kind": "manual_trade", "symbol": "IBM", "quantity": 5})[0] == 200
        placed(client, market_order(1))
        one.advance(2)
        assert one.ask("POST", "/faults", {"kind": "corrected", "price": 181.5})[0] == 200
        assert [exec_id[-3:] for exec_id, _ in executions(client)] == [".01", ".02"]


def curl_lines():
    """Return (path, body) of every curl line of the page; those without a body ask by GET."""
    lines = [shlex.split(line, comments=True) for line in PAGE.read_text(encoding="utf-8").splitlines()
             if line.startswith("curl ")]
    assert all(words[1].startswith("localhost:8100/") and words[2:3] in ([], ["-d"]) for words in lines), lines
    return [(words[1].removeprefix("localhost:8100"), *words[3:]) for words in lines]


def test_the_page_has_a_line_for_every_fault():
    told = [json.loads(body[0])["kind"] for path, *body in curl_lines() if path == "/faults" and body]
    assert told == list(fault_table())


@pytest.mark.parametrize("words", curl_lines(), ids=" ".join)
def test_every_line_of_the_page_does_something(one, words):
    path, *body = words
    with one.client(1) as client:
        one.advance(2)
        placed(client, market_order(1))
        one.advance(2)
        assert len(executions(client)) == 1
        status, told = one.ask("POST" if body else "GET", path, *map(str.encode, body))
        assert (status, "error" in told) == (200, False), told


REFUSED = [
    ("POST", "/clock/advance", {"seconds": 0}, 400, ("seconds is 0", "above 0")),
    ("POST", "/clock/advance", {"seconds": -5}, 400, ("seconds is -5",)),
    ("POST", "/clock/advance", {"seconds": ADVANCE_S_MAX * 2}, 400, ("allowed",)),
    ("POST", "/clock/advance", {"seconds": True}, 400, ("seconds is True",)),
    ("POST", "/clock/advance", {"seconds": "9"}, 400, ("seconds is '9'",)),
    ("POST", "/clock/advance", b'{"seconds": NaN}', 400, ("seconds is nan",)),
    ("POST", "/clock/advance", b'{"seconds": Infinity}', 400, ("seconds is inf",)),
    ("POST", "/clock/advance", [5], 400, ("seconds is None",)),
    ("POST", "/clock/advance", None, 400, ("seconds is None",)),
    ("POST", "/faults", {"kind": "earthquake"}, 400, ("earthquake", "link_lost")),
    ("POST", "/faults", {"kind": "link_lost", "minutes": 3}, 400, ("minutes", "fields of link_lost: seconds")),
    ("POST", "/faults", {"kind": "corrected"}, 400, ("no execution",)),
    ("POST", "/faults", {"kind": "liquidation", "symbol": "NONE"}, 400, ("'NONE'", "IBM")),
    ("POST", "/faults", b"{", 400, ("no JSON",)),
    ("POST", "/faults", b"\xff\xfe", 400, ("no JSON",)),
    ("POST", "/faults", b"[" * 60_000, 400, ("no JSON",)),
    ("POST", "/faults", {"kind": "manual_trade", "symbol": "IBM", "limit": "NaN"}, 400, ("limit is NaN", "above 0")),
    ("POST", "/faults", {"kind": "manual_trade", "symbol": "IBM", "limit": 0}, 400, ("limit is 0",)),
    ("POST", "/faults", {"kind": "liquidation", "symbol": "IBM", "quantity": "NaN"}, 400, ("quantity is NaN",)),
    ("POST", "/faults", {"kind": "notice", "code": 2**62}, 400, ("code is", "0 to 99999")),
    ("TRACE", "/faults", None, 501, ("TRACE",)),
    ("MAKE", "/faults", None, 501, ("MAKE",)),
    ("POST", "/faults", None, 400, ("kinds: ",)),
    ("GET", "/", None, 404, ("GET / is unknown", "GET /status", "POST /faults")),
    ("GET", "/clock/advance", None, 405, ("GET /clock/advance", "POST")),
    ("POST", "/status", {}, 405, ("POST /status", "GET")),
    ("PUT", "/faults", {}, 405, ("PUT /faults", "GET, POST")),
    ("DELETE", "/faults", None, 405, ("DELETE /faults", "GET, POST")),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "words"), REFUSED)
def test_what_cannot_be_done_is_refused_in_words_and_changes_nothing(one, method, path, body, status, words):
    with one.client() as client:
        found, told = one.ask(method, path, body)
        assert found == status
        for word in words:
            assert word in told["error"]
        assert codes(client) == []
    assert one.ask("GET", "/clock")[1]["market_ns"] == OPEN_NS - 1


@pytest.mark.parametrize("length", [str(BODY_BYTES_MAX + 1), "-1", "many", "9" * 40, "9" * 5_000])
def test_a_body_of_no_allowed_length_is_not_read(one, length):
    status, told = one.ask("POST", "/faults", b"", {"Content-Length": length})
    assert (status, f"up to {BODY_BYTES_MAX}" in told["error"]) == (400, True)
    assert one.ask("GET", "/status")[0] == 200


def test_head_tells_what_get_would_without_its_body(one):
    link = http.client.HTTPConnection("127.0.0.1", one.control_port, timeout=WAIT_S)
    link.request("HEAD", "/faults")
    answer = link.getresponse()
    assert (answer.status, answer.getheader("Allow"), answer.read()) == (405, "GET, POST", b"")
    link.close()


def test_many_may_ask_at_once(one):
    """Steps of time are taken one after the other, and none is lost."""
    with ThreadPoolExecutor(6) as pool:
        steps = [pool.submit(one.ask, "POST", "/clock/advance", {"seconds": 1}) for _ in range(30)]
        looks = [pool.submit(one.ask, "GET", "/status") for _ in range(30)]
        assert {asked.result(WAIT_S)[0] for asked in (*steps, *looks)} == {200}
    assert one.ask("GET", "/clock")[1]["market_ns"] == OPEN_NS - 1 + 30 * SECOND_NS
