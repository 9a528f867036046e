"""The kill switch, which is not built yet: its sentence stands here, and fails until it is true."""

import subprocess

import pytest

from algotrade.ibkr.wire import answers as a
from algotrade.ibkr.wire import requests as r
from tests.gateway.faults.world import limit_order, seen, world
from tests.integration.runs import COMMAND


@pytest.mark.xfail(strict=True, raises=AssertionError,
                   reason="needs the kill switch, which comes with order journal and reconciliation")
def test_kill_switch_with_dead_bus(tmp_path):
    """With no bus at all, one command cancels every order that works, and says so durably."""
    with world() as one, one.client(1) as trader:
        trader.ask(limit_order(1, limit="1.00"))
        assert [m.status for m in seen(trader, a.OrderStatus)][-1] == "Submitted"
        done = subprocess.run(
            [COMMAND, "kill", "--bus", f"local:{tmp_path / 'gone'}", "--latch", str(tmp_path / "latch")],
            env={"IBKR_PORT": str(one.hosted.port), "IBKR_CLIENT_ID": "0", "PATH": ""},
            capture_output=True, text=True, check=False, timeout=60)
        trader.ask(r.RequestAllOpenOrders())
        told = [m.status for m in seen(trader, a.OrderStatus)]
        assert (done.returncode, told[-1], (tmp_path / "latch").exists()) == (0, "Cancelled", True)
