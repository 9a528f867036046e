"""`algotrade demo` as a user runs it."""

import csv
import hashlib
import json
import os
import re
import signal

import psutil
import pytest

from algotrade.bus.topics import ORDER_PLANE, PLANES
from tests.integration.runs import Started, algotrade, demo, words_that_resume
from tests.integration.ticks import write_quotes, write_trades

SUMMARY_KEYS = {
    "events_in", "events_quarantined", "events_lost", "events_duplicated", "intents", "orders", "rejects", "fills",
    "fills_sha256", "pnl", "elapsed_s", "events_per_s", "versions",
}


@pytest.fixture(scope="module")
def ticks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ticks")
    return ["--data", write_quotes(folder / "quotes.parquet", 60_000), "--data",
            write_trades(folder / "trades.parquet", 20_000)]


@pytest.fixture(scope="module")
def undisturbed(ticks, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    return out, demo(out, *ticks)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    out = tmp_path_factory.mktemp("sample") / "out"
    done = algotrade("demo", "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    return out, done.stdout


def test_the_default_demo_leaves_every_file_and_says_where(sample):
    out, printed = sample
    assert {p.name for p in out.iterdir()} >= {
        "report.html", "fills.csv", "orders.csv", "positions.csv", "summary.json", "manifest.json"}
    summary = json.loads((out / "summary.json").read_text())
    assert set(summary) >= SUMMARY_KEYS
    assert (summary["events_in"], summary["events_lost"], summary["events_duplicated"]) == (12_154, 0, 0)
    assert summary["fills"] > 300
    assert "report.html" in printed
    assert "order-plane 100 %" in printed  # no terminal: plain lines


def test_the_summary_agrees_with_the_files(sample):
    out, _ = sample
    summary = json.loads((out / "summary.json").read_text())
    assert summary["fills_sha256"] == hashlib.sha256((out / "fills.csv").read_bytes()).hexdigest()
    fills = list(csv.DictReader((out / "fills.csv").open()))
    orders = list(csv.DictReader((out / "orders.csv").open()))
    positions = list(csv.DictReader((out / "positions.csv").open()))
    assert (len(fills), len(orders)) == (summary["fills"], summary["orders"])
    assert abs(sum(float(p["net_pnl"]) for p in positions) - summary["pnl"]) < 1e-6
    assert len({f["execution_id"] for f in fills}) == len(fills)


def test_the_report_opens_offline_and_says_what_was_done_to_the_prices(sample):
    out, _ = sample
    html = (out / "report.html").read_text()
    assert not re.search(r'<(?:script|link|img|iframe)[^>]+(?:src|href)\s*=\s*"?https?:', html)
    assert "adjusted by adj_close/close" in html


def test_the_manifest_names_everything_that_made_the_run(sample):
    out, _ = sample
    manifest = json.loads((out / "manifest.json").read_text())
    assert set(manifest) >= {"git_commit", "lock_sha256", "config_sha256", "data_sha256", "seed"}
    assert re.fullmatch("[0-9a-f]{64}", manifest["config_sha256"])
    assert manifest["data_sha256"] == {
        "stocks.parquet": hashlib.sha256((out / "data" / "stocks.parquet").read_bytes()).hexdigest()}


def test_one_process_and_another_run_give_the_same_bytes(undisturbed, ticks, tmp_path):
    out, summary = undisturbed
    again, alone = demo(tmp_path / "again", *ticks), demo(tmp_path / "alone", *ticks, "--processes", "1")
    assert summary["fills"] > 20
    assert summary["fills_sha256"] == again["fills_sha256"] == alone["fills_sha256"]
    for name in ("fills.csv", "orders.csv", "positions.csv"):
        assert (out / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def test_the_seed_matters_where_a_model_draws(ticks, tmp_path, monkeypatch):
    monkeypatch.setenv("ALGOTRADE__VENUE__ORDER_LATENCY_JITTER_NS", "2000000000")
    hashes = [demo(tmp_path / str(seed), *ticks, "--processes", "1", "--seed", str(seed))["fills_sha256"]
              for seed in (1, 1, 2)]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize("plane", PLANES)
def test_a_plane_that_dies_ends_the_demo_and_the_printed_command_goes_on(plane, undisturbed, ticks, tmp_path):
    _, expected = undisturbed
    run = Started(tmp_path / "out", [*ticks, "--speed", "2000"])
    run.wait_until_handled(ORDER_PLANE, 10_000)
    run.planes()[plane].kill()
    code, output = run.end(timeout_s=10)

    assert code == 5, output
    assert f"the {plane} was killed by signal 9" in output
    assert output.count("; the end of its log:") == 1
    done = algotrade(*words_that_resume(output), "--speed", "max")
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["fills_sha256"], summary["resumed"]) == (expected["fills_sha256"], True)
    assert (summary["events_lost"], summary["events_duplicated"]) == (0, 0)


def test_ctrl_c_stops_in_order_and_the_run_goes_on(undisturbed, ticks, tmp_path):
    _, expected = undisturbed
    out = tmp_path / "out"
    run = Started(out, [*ticks, "--speed", "2000"])
    run.wait_until_handled(ORDER_PLANE, 10_000)
    planes = run.planes()
    run.interrupt()
    code, output = run.end(timeout_s=5)

    assert code == 130, output
    assert not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in planes.values())
    assert not (out / "fills.csv").exists()
    assert not list(out.rglob("*.part"))
    stopped = [json.loads((out / "logs" / f"{p}.log").read_text().splitlines()[-1]) for p in PLANES]
    assert [line["event"] for line in stopped] == ["stopped"] * 3
    assert [line["time"] for line in stopped] == sorted(line["time"] for line in stopped)

    assert algotrade("demo", "--resume", out / "bus", "--out", out, *ticks, "--speed", "max").returncode == 0
    assert json.loads((out / "summary.json").read_text())["fills_sha256"] == expected["fills_sha256"]


def test_planes_die_with_the_demo(ticks, tmp_path):
    run = Started(tmp_path / "out", [*ticks, "--speed", "2000"])
    run.wait_until_handled(ORDER_PLANE, 5_000)
    planes = list(run.planes().values())
    assert len(planes) == 3
    os.kill(run.process.pid, signal.SIGKILL)
    run.end()

    _, alive = psutil.wait_procs(planes, timeout=10)
    assert not alive


def test_a_run_that_ended_can_be_resumed_and_started_again(undisturbed, ticks, tmp_path):
    _, expected = undisturbed
    out = tmp_path / "out"
    assert demo(out, *ticks)["fills_sha256"] == expected["fills_sha256"]
    nothing_left = demo(out, *ticks, "--resume", out / "bus")
    assert nothing_left["fills_sha256"] == expected["fills_sha256"]
    assert (nothing_left["elapsed_s"], nothing_left["events_per_s"]) == (0, 0)
    again = demo(out, *ticks)
    assert (again["fills_sha256"], again["resumed"]) == (expected["fills_sha256"], False)


def test_a_broker_in_a_process_of_its_own_gives_the_same_bytes_also_when_the_run_goes_on(undisturbed, ticks, tmp_path):
    _, expected = undisturbed
    out = tmp_path / "out"
    run = Started(out, [*ticks, "--speed", "2000", "--broker", "process"])
    run.wait_until_handled(ORDER_PLANE, 10_000)
    run.planes()[ORDER_PLANE].kill()
    code, output = run.end(timeout_s=10)
    assert code == 5, output

    done = algotrade(*words_that_resume(output), "--speed", "max")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((out / "summary.json").read_text())["fills_sha256"] == expected["fills_sha256"]
    placed = [json.loads(line) for line in (out / "logs" / "broker.orders").open()]
    assert len({row["order_id"] for row in placed if row["action"] == "place"}) == expected["orders"]
