"""``algotrade demo --broker ibkr``: three planes, a simulated Gateway, and the real client library between them."""

import csv
import json
import os
import re
import subprocess
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from tests.integration.runs import COMMAND

pytestmark = pytest.mark.slow

SECONDS = "12"


def demo_ib(out: Path, library: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IBKR_")}
    return subprocess.run(
        [COMMAND, "demo", "--broker", "ibkr", "--seconds", SECONDS, "--out", str(out), "--plain", *words],
        capture_output=True, text=True, timeout=180, check=False, env={**environment, "IBKR_CLIENT": library})


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module", params=["ib_insync", "ib_async"])
def ran(request, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp(request.param)
    done = demo_ib(out, request.param)
    logs = "\n".join(path.read_text() for path in sorted((out / "logs").glob("*.log")))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{logs[-4000:]}"
    return out


def test_orders_reach_the_gateway_and_their_fills_the_books(ran: Path) -> None:
    summary = json.loads((ran / "summary.json").read_text())
    assert summary["events_in"] > 100
    assert (summary["events_lost"], summary["events_duplicated"]) == (0, 0)
    assert 0 < summary["elapsed_s"] < 180
    assert 0 < summary["intent_latency_ms_p50"] <= summary["order_latency_ms_p50"]
    fills, orders, positions = (rows(ran / f"{name}.csv") for name in ("fills", "orders", "positions"))
    assert len(fills) == summary["fills"] > 0
    assert len({fill["execution_id"] for fill in fills}) == len(fills)
    held: Counter[str] = Counter()
    for fill in fills:
        held[fill["symbol"]] += Decimal(fill["quantity"]) * (1 if fill["side"] == "BUY" else -1)
    assert {row["symbol"]: Decimal(row["quantity"]) for row in positions if Decimal(row["quantity"])} == {
        symbol: quantity for symbol, quantity in held.items() if quantity}
    statuses = Counter(order["status"] for order in orders)
    assert statuses["FILLED"] > 0
    assert not statuses["REJECTED"]


def test_the_planes_logged_no_error_and_the_order_plane_was_armed(ran: Path) -> None:
    logged = [json.loads(line) for name in ("data-plane", "strategy-plane", "order-plane")
              for line in (ran / "logs" / f"{name}.log").read_text().splitlines()]
    assert not [line for line in logged if line["level"] == "error"]
    assert [line for line in logged if line["event"] == "armed"]
    assert {line["plane"] for line in logged if line["event"] == "stopped"} == {
        "data-plane", "strategy-plane", "order-plane"}


def test_symbols_belong_to_a_real_gateway(tmp_path: Path) -> None:
    done = demo_ib(tmp_path, "ib_insync", "--symbol", "AAPL")
    assert done.returncode == 2
    assert "--symbol needs IBKR_HOST" in done.stderr


def test_a_gateway_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [COMMAND, "ibkr", "check"], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "IBKR_HOST": "127.0.0.1", "IBKR_PORT": "9"})
    assert done.returncode != 0
    assert re.search(r"127\.0\.0\.1:9", done.stderr), done.stderr


