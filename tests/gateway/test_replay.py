"""Recordings replayed: the same program hears the same, whatever its ids; what was not recorded is named."""

import json
from decimal import Decimal

import pytest

from algotrade.gateway import Hosted, ReplayGateway, read_clients
from algotrade.ibkr.recording import RecordingError
from algotrade.ibkr.wire import Codec
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from algotrade.ibkr.wire.records import Order, OrderState
from tests.gateway.raw import IBM, Raw
from tests.gateway.replay_program import ran
from tests.gateway.world import LIBRARIES, SECOND_NS, served

HEADER = {"format": "algotrade-ibkr-recording", "version": 1}
VERSIONS = [pytest.param(name, version, id=f"{name}-{version}")
            for name, versions in (("ib_insync", (157, 176)), ("ib_async", (157, 178))) for version in versions]


def replayed(folder, **options):
    recorded = read_clients(folder)
    return Hosted(lambda: ReplayGateway(recorded, **options))


def stands_still(_seconds):
    """Let time be the recording's."""


@pytest.mark.parametrize(("name", "version"), VERSIONS)
def test_the_same_program_hears_the_same(tmp_path, name, version):
    library = LIBRARIES[name]
    with served(version_max=version) as hosted:
        heard = ran(library, hosted.port, lambda s: hosted.advance(int(s * SECOND_NS)), path=tmp_path / "one.jsonl")
    assert heard["fills"][0][1:] == (180.04, 100, "ema/1", 1.0)
    assert [o[:3] for o in heard["orders"]] == [("ema/1", "Cancelled", 0), ("ema/1", "Filled", 100)]
    text = (tmp_path / "one.jsonl").read_text()
    assert "DU1234567" not in text
    assert "ema/1" not in text
    with replayed(tmp_path) as gateway:
        for client_id, reference in ((3, "ema/1"), (8, "other/9")):  # again, and as somebody else
            again = ran(library, gateway.port, stands_still, order_ref=reference, client_id=client_id)
            assert again.pop("accounts") == ["DU0000001"]
            wanted = json.loads(json.dumps(heard, default=str).replace("ema/1", reference))
            wanted.pop("accounts")
            assert json.loads(json.dumps(again, default=str)) == wanted


def line(offset_s, kind, payload):
    text = payload if isinstance(payload, str) else payload[4:].decode("latin-1")
    return json.dumps([int(offset_s * SECOND_NS), kind, text])


CODEC = Codec(176)
BEGIN = [line(0, "open", ""), line(0, ">", "v157..176"), line(0, "<", "176\0time\0"),
         line(0, ">", CODEC.encode(r.StartApi(client_id=1))),
         line(0, "<", CODEC.encode(a.ManagedAccounts(accounts="DU0000001"))),
         line(0, "<", CODEC.encode(a.NextValidId(order_id=5))),
         line(0, "<", CODEC.encode(a.ErrorMessage(req_id=-1, code=2158, message="ok")))]
END = [line(9, "close", "closed")]


def written(tmp_path, *lines, name="one.jsonl", header=HEADER):
    (tmp_path / name).write_text("\n".join([json.dumps(header), *lines]) + "\n")
    return tmp_path


def asked(request):
    return line(1, ">", CODEC.encode(request))


def told(answer, offset_s=1):
    return line(offset_s, "<", CODEC.encode(answer))


def test_request_ids_are_the_clients_own(tmp_path):
    folder = written(
        tmp_path, *BEGIN,
        asked(r.RequestMarketData(req_id=40, contract=IBM)), asked(r.RequestPnl(req_id=41, account="DU0000001")),
        told(a.Pnl(req_id=41, daily=1.0, unrealized=2.0, realized=0.0)),
        told(a.TickSize(req_id=40, tick_type=0, size=7.0)), asked(r.CancelMarketData(req_id=40)),
        told(a.ErrorMessage(req_id=40, code=300, message="ended")), *END)
    with replayed(folder) as gateway, Raw(gateway.port).start(client_id=6) as client:
        client.ask(r.CancelMarketData(req_id=40))  # as in the recording, but nobody asked by that id yet
        assert "CancelMarketData" in client.error(322).message
        client.ask(r.RequestPnl(req_id=7, account="DU9"), r.RequestMarketData(req_id=8, contract=IBM))
        assert client.until(lambda m: isinstance(m, a.Pnl)).req_id == 7
        assert client.until(lambda m: isinstance(m, a.TickSize)).req_id == 8
        client.ask(r.CancelMarketData(req_id=8))
        assert client.error(300).req_id == 8


def place(order_id, reference, price, **more):
    return r.PlaceOrder(order_id=order_id, contract=IBM, order=Order(
        action="BUY", total_quantity=Decimal(10), order_type="LMT", lmt_price=Decimal(price), order_ref=reference,
        **more))


def status(order_id, name, parent_id=0):
    return a.OrderStatus(
        order_id=order_id, status=name, filled=Decimal(0), remaining=Decimal(10), avg_fill_price=Decimal(0), perm_id=7,
        parent_id=parent_id, last_fill_price=Decimal(0), client_id=1, why_held="", mkt_cap_price=None)


def opened(order_id, price, **more):
    asked_for = place(order_id, "ref-1", price, client_id=1, perm_id=7, **more)
    return a.OpenOrder(order_id=order_id, contract=IBM, order=asked_for.order, state=OrderState(status="Submitted"))


def test_orders_are_the_clients_own(tmp_path):
    folder = written(
        tmp_path, *BEGIN, asked(place(5, "ref-1", 170)), told(opened(5, 170)), told(status(5, "Submitted")),
        asked(place(6, "ref-2", 190, parent_id=5)), told(status(6, "PreSubmitted", 5)),
        asked(place(5, "ref-1", 171)), told(opened(5, 171)),
        asked(r.CancelOrder(order_id=5)), told(a.ErrorMessage(req_id=5, code=202, message="gone")),
        told(status(5, "Cancelled")), *END)
    with replayed(folder) as gateway, Raw(gateway.port).start(client_id=4) as client:
        client.ask(r.CancelOrder(order_id=50), place(50, "mine", 171))  # neither is what the first order was
        assert [client.error(322).req_id, client.seen.pop().req_id] == [50, 50]
        client.ask(place(50, "mine", 170))
        order = client.until(lambda m: isinstance(m, a.OpenOrder))
        assert (order.order_id, order.order.client_id, order.order.order_ref, order.order.perm_id) == (50, 4, "mine", 7)
        assert client.until(lambda m: isinstance(m, a.OrderStatus)).client_id == 4
        client.ask(place(51, "other", 190, parent_id=50))
        held = client.until(lambda m: isinstance(m, a.OrderStatus) and m.status == "PreSubmitted")
        assert (held.order_id, held.parent_id) == (51, 50)
        client.ask(place(50, "mine", 171))
        client.until(lambda m: isinstance(m, a.OpenOrder) and m.order.lmt_price == 171)
        client.ask(r.CancelOrder(order_id=50))
        assert client.error(202).req_id == 50
        assert client.until(lambda m: isinstance(m, a.OrderStatus) and m.status == "Cancelled").order_id == 50


def test_what_is_pushed_comes_with_the_order_that_caused_it(tmp_path):
    """Positions that follow a fill come after it, and not when they came after they were asked for."""
    position = a.PositionData(account="DU0000001", contract=IBM, position=Decimal(10), average_cost=Decimal(170))
    folder = written(
        tmp_path, *BEGIN, asked(r.RequestPositions()), told(a.PositionEnd()), asked(place(5, "", 170)),
        told(status(5, "Filled")), told(position), asked(r.RequestCurrentTime()), told(a.CurrentTime(time_s=1)), *END)
    with replayed(folder) as gateway, Raw(gateway.port).start() as client:
        client.ask(r.RequestPositions(), r.RequestCurrentTime())
        client.until(lambda m: isinstance(m, a.CurrentTime))
        assert not [m for m in client.seen if isinstance(m, a.PositionData)]
        client.ask(place(5, "", 170))
        client.until(lambda m: isinstance(m, a.PositionData))
        assert [type(m) for m in client.seen[-2:]] == [a.OrderStatus, a.PositionData]


def test_what_was_not_recorded_or_not_so_often_is_named(tmp_path):
    folder = written(tmp_path, *BEGIN, asked(r.RequestCurrentTime()), told(a.CurrentTime(time_s=77)), *END)
    with replayed(folder) as gateway, Raw(gateway.port).start() as client:
        client.ask(r.RequestMarketData(req_id=8, contract=IBM))
        refused = client.error(322)
        assert refused.req_id == 8
        assert "RequestMarketData of IBM STK SMART USD" in refused.message
        client.ask(r.RequestCurrentTime())
        assert client.until(lambda m: isinstance(m, a.CurrentTime)).time_s == 77
        client.ask(r.RequestCurrentTime())
        client.until(lambda m: isinstance(m, a.ErrorMessage) and "RequestCurrentTime" in m.message)


def test_connections_come_in_their_order_then_again(tmp_path):
    second = [one.replace("\\u00005\\u0000", "\\u00009\\u0000") for one in BEGIN]
    assert second != BEGIN
    folder = written(tmp_path, *BEGIN, *END, *second, *END)
    with replayed(folder) as gateway:
        ids = []
        for _ in range(3):
            with Raw(gateway.port).start() as client:
                ids.append(client.until(lambda m: isinstance(m, a.NextValidId)).order_id)
                client.link.shutdown(1)
                assert client.closed()
    assert ids == [5, 9, 5]


def test_answers_come_when_they_came(tmp_path):
    folder = written(tmp_path, *BEGIN, asked(r.RequestCurrentTime()), told(a.CurrentTime(time_s=1), 1_000), *END)
    with replayed(folder, speed=10_000.0) as gateway, Raw(gateway.port).start() as client:
        began = gateway.gateway.clock.monotonic_ns()
        client.ask(r.RequestCurrentTime())
        client.until(lambda m: isinstance(m, a.CurrentTime))
        assert gateway.gateway.clock.monotonic_ns() - began >= 0.0999 * SECOND_NS


def test_a_client_of_other_versions_is_disconnected(tmp_path):
    with replayed(written(tmp_path, *BEGIN, *END)) as gateway:
        with Raw(gateway.port) as client:
            client.link.sendall(b"API\0" + b"\0\0\0\x09v157..163")
            assert client.ended()
        with Raw(gateway.port) as client:
            assert client.greet(178) == (176, "time")


def test_a_client_id_in_use_is_refused(tmp_path):
    with replayed(written(tmp_path, *BEGIN, *END)) as gateway, Raw(gateway.port).start(), Raw(gateway.port) as other:
        other.greet()
        other.ask(r.StartApi(client_id=1))
        assert other.error(326)
        assert other.closed()


def refused(folder, *words):
    with pytest.raises(RecordingError) as caught:
        read_clients(folder)
    assert all(word in str(caught.value) for word in words), caught.value


def test_what_cannot_be_replayed_is_refused_by_name(tmp_path):
    refused(tmp_path / "missing", "missing", "no folder")
    refused(tmp_path, "holds no recordings", "*.jsonl")
    refused(written(tmp_path, *BEGIN), "one.jsonl", "cut off")
    refused(written(tmp_path, *BEGIN, *END, END[0]), "one.jsonl", "outside of a connection")
    refused(written(tmp_path, *BEGIN, *END, header={**HEADER, "version": 2}), "one.jsonl", "version 2", "allowed: 1")
    refused(written(tmp_path, *BEGIN, *END, header={"format": "tape"}), "one.jsonl", "no recording")
    refused(written(tmp_path, BEGIN[0], *END), "introduced")
    refused(written(tmp_path, *BEGIN, '[1, "<", "4', *END), "one.jsonl", "line 9")
    refused(written(tmp_path, *BEGIN, BEGIN[4][:20]), "one.jsonl", "line 9")
    written(tmp_path, *BEGIN, *END)
    older = [one.replace("176", "163") for one in BEGIN]
    refused(written(tmp_path, *older, *END, name="two.jsonl"), "163, 176", "one version")


def test_a_bug_of_ours_ends_it(tmp_path, monkeypatch):
    def fails(*_):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(ReplayGateway, "ask", fails)
    def asked_once():
        with replayed(written(tmp_path, *BEGIN, *END)) as gateway, Raw(gateway.port).start() as client:
            client.ask(r.RequestCurrentTime())
            assert client.ended()

    with pytest.raises(ZeroDivisionError):
        asked_once()
