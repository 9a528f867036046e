"""Recordings: what is written is what passed, and can be read again."""

import json

import pytest

from algotrade.domain import SimulatedClock, SystemClock
from algotrade.ibkr.recording import Frame, Recorder, RecordingError, read_recording
from algotrade.ibkr.session import IbkrSettings, Session
from algotrade.ibkr.wire import Codec, framed
from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from tests.ibkr.session.server import DEADLINE_S, ScriptedServer, order
from tests.ibkr.session.test_socket import wait_until

CODEC = Codec(176)
GREETED = framed(b"176\x0020260105 09:30:00 EST\0")


def recorded(path, **more):
    recorder = Recorder(path / "one.jsonl", SimulatedClock(5), **more)
    recorder.connected()
    recorder.asked(b"API\0" + framed(b"v157..176"))
    recorder.told(GREETED)
    return recorder


def frames(path):
    return list(read_recording(path / "one.jsonl")[1])


def test_written_and_read_again(tmp_path):
    recorder = recorded(tmp_path)
    recorder.asked(CODEC.encode(r.StartApi(client_id=1)))
    told = CODEC.encode(a.ManagedAccounts(accounts="U7654321")) + CODEC.encode(a.NextValidId(order_id=1))
    for byte in told:
        recorder.told(bytes([byte]))
    recorder.disconnected("LinkLost")
    recorder.close()
    header, _ = read_recording(tmp_path / "one.jsonl")
    assert header["format"] == "algotrade-ibkr-recording"
    assert frames(tmp_path) == [
        Frame(0, "open", b""), Frame(0, ">", b"v157..176"), Frame(0, "<", GREETED[4:]),
        Frame(0, ">", b"71\x002\x001\x00\0"), Frame(0, "<", b"15\x001\x00DU0000001\0"), Frame(0, "<", b"9\x001\x001\0"),
        Frame(0, "close", b"LinkLost")]


def test_what_came_together_has_one_time(tmp_path):
    class Ticking(SimulatedClock):
        def monotonic_ns(self):
            self.advance_to(self.time_ns() + 1)
            return self.time_ns()

    recorder = Recorder(tmp_path / "one.jsonl", Ticking(5))
    recorder.connected()
    recorder.asked(b"API\0" + framed(b"v157..176"))
    recorder.told(GREETED + CODEC.encode(a.NextValidId(order_id=1)) + CODEC.encode(a.NextValidId(order_id=2)))
    recorder.told(CODEC.encode(a.NextValidId(order_id=3)))
    recorder.close()
    times = [frame.offset_ns for frame in frames(tmp_path)]
    assert len(set(times[2:5])) == 1
    assert times[1] < times[2] < times[5]


def test_bytes_of_any_value_come_back(tmp_path):
    recorder = recorded(tmp_path)
    payload = b"4\x002\x00-1\x00399\x00caf\xe9 \xff\x00\0"
    recorder.told(framed(payload))
    recorder.close()
    assert frames(tmp_path)[-1].payload == payload


def test_a_stream_that_is_no_api_is_masked_and_left(tmp_path):
    recorder = Recorder(tmp_path / "one.jsonl", SimulatedClock(5))
    recorder.connected()
    recorder.told(b"HTTP/1.1 200 OK, jane\r\n")
    recorder.told(framed(b"jane\0"))
    recorder.connected()
    recorder.told(framed(b"jane\0doe\0"))
    recorder.told(framed(b"jane\0"))
    recorder.close()
    assert "jane" not in (tmp_path / "one.jsonl").read_text()


def test_a_recording_is_bounded(tmp_path):
    recorder = recorded(tmp_path, bytes_max=1_000)
    for _ in range(1_000):
        recorder.told(CODEC.encode(a.NextValidId(order_id=1)))
    recorder.close()
    assert recorder.is_full
    assert (tmp_path / "one.jsonl").stat().st_size < 1_200
    assert len(frames(tmp_path)) == recorder.frames


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": "tape", "version": 1}', "\x00"])
def test_what_is_no_recording_is_refused(tmp_path, text):
    (tmp_path / "one.jsonl").write_text(text)
    with pytest.raises(RecordingError, match="no recording"):
        read_recording(tmp_path / "one.jsonl")


@pytest.mark.parametrize("version", ["2", "null", '"1"'])
def test_a_recording_of_another_version_is_named(tmp_path, version):
    (tmp_path / "one.jsonl").write_text(f'{{"format": "algotrade-ibkr-recording", "version": {version}}}')
    with pytest.raises(RecordingError, match=r"one\.jsonl is a recording of version .*; allowed: 1"):
        read_recording(tmp_path / "one.jsonl")


def test_a_full_recording_ends_as_a_whole_one(tmp_path):
    recorder = recorded(tmp_path, bytes_max=1_000)
    for _ in range(1_000):
        recorder.told(CODEC.encode(a.NextValidId(order_id=1)))
    recorder.disconnected("LinkLost")
    recorder.connected()
    recorder.disconnected("LinkLost")
    recorder.close()
    kinds = [frame.kind for frame in frames(tmp_path)]
    assert (kinds[0], kinds[-1], kinds.count("open"), kinds.count("close")) == ("open", "close", 1, 1)


@pytest.mark.parametrize("line", ["[1]", "x", '[1, "?", ""]', '[1, "<", 5]', '["a", "<", ""]', '[1, "<", "\\u4e00"]'])
def test_a_broken_line_is_named(tmp_path, line):
    recorder = recorded(tmp_path)
    recorder.close()
    with (tmp_path / "one.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(RecordingError, match="line 5"):
        frames(tmp_path)


def test_an_existing_file_is_not_overwritten(tmp_path):
    recorded(tmp_path).close()
    with pytest.raises(RecordingError, match="exists"):
        recorded(tmp_path)


@pytest.mark.parametrize("library", ["ib_insync", "ib_async"])
def test_a_real_session_is_recorded_without_its_account(tmp_path, library):
    server = ScriptedServer(accounts="DU7654321")
    server.before[r.RequestPositions] = [a.PositionData(
        account="DU7654321", contract=order(1).contract, position=order(1).order.total_quantity, average_cost=None)]
    clock = SystemClock()
    recorder = Recorder(tmp_path / "one.jsonl", clock)
    session = Session(IbkrSettings(port=server.port, client=library, region="none"), clock, witness=recorder)
    try:
        session.start()
        assert session.connected(DEADLINE_S)
        wait_until(session, lambda _: not session.disarmed_because)
        session.request(order(session.next_order_id(), account="DU7654321", order_ref="momentum/17"))
        server.wait_asked(r.PlaceOrder)
    finally:
        session.close()
        recorder.close()
        server.close()
    text = (tmp_path / "one.jsonl").read_text()
    assert "7654321" not in text
    assert "momentum" not in text
    told = frames(tmp_path)
    asked = [f for f in told if f.kind == ">"][1:]
    assert [f.payload.partition(b"\0")[0] for f in asked] == [b"%d" % q.ID for q in server.requests]
    assert (told[0].kind, told[-1].kind) == ("open", "close")
    assert json.loads(text.splitlines()[0])["version"] == 1
