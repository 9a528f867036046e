"""What users get wrong, or the world does: one clear line, a code that is not 0, and nothing lost."""

import json
import os
import shutil
import socket
import subprocess
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from algotrade.bus.topics import PLANES
from algotrade_runners.host import EXIT_USAGE, EXIT_WORLD
from tests.integration.runs import algotrade, demo, words_that_resume
from tests.integration.ticks import START_NS, write_quotes


def refused(*words, code=None, **options):
    done = algotrade(*words, **options)
    assert done.returncode != 0, done.stdout
    if code is not None:
        assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    return done.stderr + done.stdout


@pytest.fixture
def quotes(tmp_path):
    return write_quotes(tmp_path / "quotes.parquet", 2_000)


def table(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


def test_a_missing_file(tmp_path):
    assert "gone.parquet: does not exist" in refused(
        "demo", "--data", tmp_path / "gone.parquet", "--out", tmp_path / "o", code=EXIT_WORLD)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"\0" * 5_000, b"ts_event,symbol\n"])
@pytest.mark.parametrize("name", ["x.parquet", "x.csv"])
def test_an_empty_or_corrupt_file(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert name in refused("demo", "--data", tmp_path / name, "--out", tmp_path / "o", code=EXIT_WORLD)


def test_wrong_columns_and_wrong_types(tmp_path):
    path = table(tmp_path / "c.parquet", ts_event=[START_NS, START_NS], symbol=["A", "A"], colour=[1.0, 2.0])
    assert "allowed" in refused("data", "check", path, code=EXIT_WORLD)
    path = table(tmp_path / "t.parquet", ts_event=[START_NS] * 2, symbol=["A"] * 2, price=["x", "y"], size=[1, 2])
    assert "price" in refused("data", "check", path, code=EXIT_WORLD)


def test_unsorted_times(tmp_path):
    times = START_NS + np.arange(1000)[::-1]
    path = table(tmp_path / "u.parquet", ts_event=times, symbol=["A"] * 1000, price=[1.0] * 1000, size=[1] * 1000)
    message = refused("demo", "--data", path, "--out", tmp_path / "o", code=EXIT_WORLD)
    assert "algotrade data convert" in message


@pytest.mark.parametrize(("words", "message"), [
    (["--speed", "0"], "allowed: max, or a factor above 0"),
    (["--speed", "quick"], "allowed: max, or a factor above 0"),
    (["--processes", "2"], "allowed: 1 or 3"),
    (["--bus", "kafka://x"], "kafka://HOST:PORT"),
    (["--bus", "nats://x"], "allowed: local:FOLDER"),
    (["--processes", "1", "--bus", "local:x"], "--bus and --resume need"),
    (["--strategy", "magic"], "allowed: ema_cross, ofi"),
    (["--seed", "-1"], "seed is -1; allowed: 0"),
    (["--strategy", "ema_cross"], "ema_cross consumes bars, and the files hold quotes; allowed: ofi"),
])
def test_an_option_out_of_range(quotes, tmp_path, words, message):
    printed = refused("demo", "--data", quotes, "--out", tmp_path / "o", *words, code=EXIT_USAGE)
    assert message in " ".join(printed.replace("│", " ").split())


@pytest.mark.parametrize(("key", "value", "message"), [
    ("ALGOTRADE__RISK__ORDER_QUANTITY_MAX", "-5", "risk: order_quantity_max is -5; allowed: a finite number above 0"),
    ("ALGOTRADE__RISK__ORDER_QUANTITY", "5", "key risk.order_quantity is unknown; allowed: order_quantity_max,"),
    ("ALGOTRADE__VENUE__ORDER_LATENCY_NS", "0", "venue: order_latency_ns is 0; allowed: 1 to"),
    ("ALGOTRADE__STRATEGY__PARAMETERS__SPEED", "1", "key speed is unknown; allowed: window_quotes,"),
    ("ALGOTRADE__RUN__ID", "a b", "run: id is 'a b'; allowed"),
    ("ALGOTRADE__SNAPSHOTS__RECORDS_BETWEEN", "many", "key snapshots.records_between is 'many'; allowed: `int`"),
])
def test_a_setting_out_of_range_names_key_value_and_what_is_allowed(quotes, tmp_path, key, value, message):
    printed = refused("demo", "--data", quotes, "--out", tmp_path / "o", "--processes", "1", code=EXIT_USAGE,
                      env={**os.environ, key: value})
    assert message in printed


def test_a_plane_refuses_a_bad_file_before_it_starts(quotes, tmp_path):
    demo(tmp_path / "o", "--data", quotes)
    config = tmp_path / "o" / "config.toml"
    config.write_text(config.read_text().replace("[risk]", "[risk]\nnonsense = 1"))
    assert "key risk.nonsense is unknown" in refused("run", "order-plane", "--config", config, code=EXIT_USAGE)
    assert "cannot be read" in refused("run", "order-plane", "--config", tmp_path / "gone.toml", code=EXIT_USAGE)


def test_a_port_in_use(quotes, tmp_path):
    demo(tmp_path / "o", "--data", quotes)
    config = tmp_path / "o" / "config.toml"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        printed = refused("run", "order-plane", "--config", config, code=EXIT_WORLD,
                          env={**os.environ, "ALGOTRADE__TELEMETRY__ORDER_PLANE_PORT": str(port)})
    assert f"metrics port {port} on 127.0.0.1 cannot be listened on" in printed


@pytest.mark.parametrize(("key", "value", "words"), [
    ("STRATEGY__NAME", "'foo'", ["strategy is 'foo'", "allowed: ema_cross, ofi"]),
    ("STRATEGY__PARAMETERS__COOLDOWN_MS", "-1", ["strategy.parameters", "cooldown_ms is -1", "allowed"]),
    ("STRATEGY__PARAMETERS__SLOPE", "1", ["key slope is unknown", "allowed"]),
    ("RISK__RESTRICTED", "['ZZZ']", ["risk.restricted", "'ZZZ'", "allowed"]),
])
def test_what_no_section_can_see_by_itself_stops_every_plane_and_the_demo_before_they_start(
        key, value, words, quotes, tmp_path):
    demo(tmp_path / "o", "--data", quotes)
    wrong = {**os.environ, f"ALGOTRADE__{key}": value}
    for plane in PLANES:
        printed = refused("run", plane, "--config", tmp_path / "o" / "config.toml", code=EXIT_USAGE, env=wrong)
        assert all(word in printed for word in words), printed
    printed = refused("demo", "--data", quotes, "--out", tmp_path / "p", code=EXIT_USAGE, env=wrong)
    assert all(word in printed for word in words), printed
    assert not (tmp_path / "p" / "bus").exists()


def test_the_same_file_twice(quotes, tmp_path):
    (tmp_path / "copy.parquet").write_bytes(quotes.read_bytes())
    printed = refused("demo", "--data", quotes, "--data", tmp_path / "copy.parquet", "--out", tmp_path / "o",
                      code=EXIT_USAGE)
    assert "copy.parquet holds the same bytes as" in printed


def test_an_output_that_cannot_be_written(quotes, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    assert "file" in refused("demo", "--data", quotes, "--out", tmp_path / "file", code=EXIT_WORLD)
    assert "file" in refused("demo", "--data", quotes, "--out", tmp_path / "file" / "below", code=EXIT_WORLD)


def test_a_bus_folder_of_another_version_or_of_something_else(quotes, tmp_path):
    demo(tmp_path / "o", "--data", quotes)
    (tmp_path / "o" / "bus" / "FORMAT").write_text("algotrade-local-bus 999\n")
    for words in (["demo", "--data", quotes, "--out", tmp_path / "o"],
                  ["demo", "--data", quotes, "--out", tmp_path / "o", "--resume", tmp_path / "o" / "bus"],
                  ["bus", "topics", "--bus", f"local:{tmp_path / 'o' / 'bus'}"]):
        assert "has format 'algotrade-local-bus 999'; supported: 'algotrade-local-bus 1'" in refused(
            *words, code=EXIT_WORLD)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    assert "no bus folder" in refused("demo", "--data", quotes, "--out", tmp_path / "p", "--bus",
                                      f"local:{tmp_path / 'mine'}", code=EXIT_WORLD)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_resuming_what_never_began_or_with_other_data(quotes, tmp_path):
    assert "holds no run to resume" in refused(
        "demo", "--data", quotes, "--out", tmp_path / "o", "--resume", tmp_path / "nothing", code=EXIT_WORLD)
    demo(tmp_path / "o", "--data", quotes)
    write_quotes(quotes, 2_000, seed=9)
    assert "are not the files that the run" in refused(
        "demo", "--data", quotes, "--out", tmp_path / "o", "--resume", tmp_path / "o" / "bus", code=EXIT_USAGE)


@contextmanager
def small_disk(folder, size):
    """Mount a disk of ``size`` at ``folder``; give a function that makes it larger."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine mounts no tmpfs")
    try:
        yield lambda: subprocess.run(["mount", "-o", "remount,size=200m", str(folder)], check=True)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_disk_that_is_full_when_the_results_are_written(tmp_path):
    quotes = write_quotes(tmp_path / "many.parquet", 20_000)
    expected = demo(tmp_path / "free", "--data", quotes)
    with small_disk(tmp_path / "disk", "300k") as enlarge:
        words = ["demo", "--data", quotes, "--out", tmp_path / "disk" / "o"]
        printed = refused(*words, "--processes", "1", code=EXIT_WORLD)
        assert "cannot write" in printed
        assert "Traceback" not in printed
        assert "to go on" not in printed
        shutil.rmtree(tmp_path / "disk" / "o")
        printed = refused(*words, "--bus", f"local:{tmp_path / 'bus'}", code=EXIT_WORLD)
        assert "cannot write" in printed
        enlarge()
        assert algotrade(*words_that_resume(printed)).returncode == 0
        assert json.loads((tmp_path / "disk" / "o" / "summary.json").read_text())["fills_sha256"] == (
            expected["fills_sha256"])


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_loses_nothing_and_the_run_goes_on(tmp_path):
    quotes = write_quotes(tmp_path / "many.parquet", 40_000)
    expected = demo(tmp_path / "free", "--data", quotes)
    with small_disk(tmp_path / "disk", "2m") as enlarge:
        words, bus = ["demo", "--data", quotes, "--out", tmp_path / "o"], tmp_path / "disk" / "bus"
        printed = refused(*words, "--bus", f"local:{bus}")
        assert "full" in printed.lower() or "no space" in printed.lower()
        enlarge()
        assert algotrade(*words, "--resume", bus).returncode == 0
        assert (tmp_path / "o" / "fills.csv").read_bytes() == (tmp_path / "free" / "fills.csv").read_bytes()
        assert expected["fills"] > 0


def test_standbys_and_shards_need_a_bus_between_hosts(quotes, tmp_path):
    for option, why in (("--standbys", "whoever starts last leads"), ("--shards", "needs --bus kafka://HOST:PORT")):
        told = refused("demo", "--data", quotes, "--out", tmp_path / "o", option, "2")
        assert option in told
        assert why in " ".join(told.replace("│", " ").split())


@pytest.mark.parametrize("value", ["IBKR", "paper", ""])
def test_a_broker_that_is_none(quotes, tmp_path, value):
    assert "allowed: sim" in refused("demo", "--data", quotes, "--out", tmp_path / "o", "--broker", value)


@pytest.mark.parametrize(("url", "why"), [
    ("", "allowed: tcp://HOST:PORT"), ("tcp://nowhere", "url is 'tcp://nowhere'"), ("tcp://h:0", "url is 'tcp://h:0'"),
    ("http://127.0.0.1:80", "url is 'http://127.0.0.1:80'")])
def test_an_address_where_no_broker_can_listen(quotes, tmp_path, url, why):
    demo(tmp_path / "o", "--data", quotes)
    told = refused("broker", "--config", tmp_path / "o" / "config.toml", code=EXIT_USAGE,
                   env={**os.environ, "ALGOTRADE__BROKER__URL": url})
    assert why in told


def test_a_port_of_the_broker_that_is_taken(quotes, tmp_path):
    demo(tmp_path / "o", "--data", quotes)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        told = refused("broker", "--config", tmp_path / "o" / "config.toml", code=EXIT_WORLD,
                       env={**os.environ, "ALGOTRADE__BROKER__URL": url})
    assert url in told
