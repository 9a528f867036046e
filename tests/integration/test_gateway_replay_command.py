"""`algotrade ibkr record`, `algotrade gateway --replay` of that, and a second recording of the replay: they agree."""

import json
import os
import re
import signal
import subprocess

import pytest

from algotrade.ibkr.recording import read_recording
from algotrade.ibkr.wire import Codec
from algotrade.ibkr.wire import answers as a
from algotrade_runners.host import EXIT_OK, EXIT_USAGE, EXIT_WORLD
from tests.integration.runs import COMMAND
from tests.integration.test_gateway_command import STOP_S_MAX, Running

REPLAYS = re.compile(r"algotrade gateway listens on 127\.0\.0\.1:(\d+), replays (.+), server version 176, 1 connect"
                     r"ion, speed 1\n")
WHOLE = (a.ContractData, a.ContractDataEnd, a.HistoricalData, a.SymbolSamples, a.PositionEnd, a.OpenOrderEnd,
         a.AccountSummary, a.AccountDownloadEnd, a.ExecutionDataEnd, a.CompletedOrdersEnd)
"""Answers that are told once, whole."""


def recorded(port, folder, library):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("IBKR_")}
    done = subprocess.run(
        [COMMAND, "ibkr", "record", "--out", str(folder), "--port", str(port), "--symbol", "AAA", "--seconds", "2"],
        env={**environment, "IBKR_CLIENT": library}, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == EXIT_OK, done.stderr
    (path,) = folder.iterdir()
    payloads = [frame.payload for frame in read_recording(path)[1] if frame.kind == "<"][1:]
    return [Codec(176).decode_answer(payload) for payload in payloads]


def told(answers):
    return sorted(str(m) for m in answers if isinstance(m, WHOLE))


def refusals(answers):
    return [m for m in answers if isinstance(m, a.ErrorMessage) and m.code == 322]


@pytest.mark.parametrize("library", ["ib_insync", "ib_async"])
def test_a_recording_of_the_replay_is_the_recording(tmp_path, library):
    with Running("--generate", "7", "--speed", "10", "--max-server-version", "176") as running:
        first = recorded(running.port, tmp_path / "first", library)
    assert {type(m) for m in first} >= {*WHOLE, a.TickPrice, a.TickByTick, a.Pnl}
    with subprocess.Popen([COMMAND, "gateway", "--port", "0", "--replay", str(tmp_path / "first")],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            match = REPLAYS.fullmatch(line)
            assert match, line
            again = recorded(int(match[1]), tmp_path / "again", library)
            process.send_signal(signal.SIGTERM)
            assert process.wait(STOP_S_MAX) == EXIT_OK
        finally:
            process.kill()
    assert told(again) == told(first)
    assert not [m for m in refusals(again) if "RequestCurrentTime" not in m.message], refusals(again)


@pytest.mark.parametrize(("options", "code", "message"), [
    ((), EXIT_WORLD, "holds no recordings"),
    (("--generate", "1"), EXIT_USAGE, "--replay and --generate"),
    (("--state", "x"), EXIT_USAGE, "--replay and --state"),
    (("--hold", "3"), EXIT_USAGE, "--replay and --hold"),
])
def test_what_cannot_be_replayed_is_refused_in_words(tmp_path, options, code, message):
    done = subprocess.run([COMMAND, "gateway", "--port", "0", "--replay", str(tmp_path), *options], capture_output=True,
                          text=True, check=False)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_recording_of_a_newer_version_is_named(tmp_path):
    (tmp_path / "new.jsonl").write_text(json.dumps({"format": "algotrade-ibkr-recording", "version": 2}) + "\n")
    done = subprocess.run([COMMAND, "gateway", "--port", "0", "--replay", str(tmp_path)], capture_output=True,
                          text=True, check=False)
    assert done.returncode == EXIT_WORLD
    assert "new.jsonl is a recording of version 2; allowed: 1" in done.stderr


def test_the_help_shows_how():
    done = subprocess.run([COMMAND, "gateway", "--help"], capture_output=True, text=True, check=False)
    assert "--replay out/recorded" in " ".join(done.stdout.split())
