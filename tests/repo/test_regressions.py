"""Incidents that users of other systems reported, each a test of its name here; none may vanish."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

INCIDENTS = {
    "modify_during_1100_two_permids": "NautilusTrader 4564: a change in an outage left two orders alive",
    "fill_for_phantom_external_order": "NautilusTrader 4970: a fill of our own order was taken for a stranger's",
    "farm_ok_without_1102": "NautilusTrader pull 3968: a farm was back and bars stayed away",
    "farm_flap_keeps_order_channel": "NautilusTrader pull 4412: a data farm's trouble closed the order channel",
    "orderid_reuse_across_sessions": "NautilusTrader 4247: order ids of an earlier session were taken for ours",
    "execdetails_before_openorder": "NautilusTrader 3949: the fill came before the order",
    "commission_minus_one": "NautilusTrader pull 4281: a cost of -1 was booked",
    "commission_never_arrives": "pysystemtrade pull 1661: a fill waited for its cost for ever",
    "empty_snapshot_on_disconnect": "NautilusTrader pull 4230: an empty snapshot flattened the books",
    "warm_restart_with_working_order": "NautilusTrader 4736 and 5000: a working order was lost over a restart",
    "exec_window_lost_in_1100": "LEAN IB 249: what filled in an outage was never told",
    "broker_liquidation": "LEAN IB 156: the broker closed a position and nobody heard",
    "nightly_reset_30_days": "LEAN IB 227 and 246: a nightly restart ended the algorithm",
    "sunday_2fa": "LEAN IB 258, NautilusTrader 1533: the weekly log-in ended the algorithm",
    "moc_deadline_while_down": "LEAN IB 258: an order's deadline passed in silence",
    "competing_session_10197": "LEAN IB 140, NautilusTrader 4949: another session took the data",
    "cancelled_then_filled": "pysystemtrade 1580: a cancelled order filled",
    "dns_outage_order_lost": "Hummingbot 8457: an order counted as failed because nobody answered",
    "account_prefix_321": "NautilusTrader 5007: a refused question was read as no fills",
    "exec_correction_02": "ib_insync 364: an execution was corrected",
    "dup_client_id_326": "NautilusTrader pull 4210, ib_async 152: the client id was in use",
    "kill_switch_with_dead_bus": "Hummingbot 2534: stopping left orders working",
    "bad_handshake_does_not_wedge": "NautilusTrader 4796: one bad client hung the gateway",
    "dup_103_after_higher_id": "ib_insync 644: a refused order id was read as an order that exists",
    "dup_order_on_restart": "NautilusTrader 3176, freqtrade 13399: a restart sent an order again",
    "cold_start_200_symbols": "LEAN 607 and 1837: a start asked too much at once",
}


def defined() -> dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Return the functions of all test files by name; two files may each have one of the same name."""
    found: dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.setdefault(node.name, []).append(node)
    return found


def marked(node: ast.FunctionDef | ast.AsyncFunctionDef, word: str) -> bool:
    return any(word in ast.unparse(decorator) for decorator in node.decorator_list)


@pytest.fixture(scope="module")
def functions():
    return defined()


@pytest.mark.parametrize("name", list(INCIDENTS))
def test_each_incident_is_a_test_that_asserts_and_runs(name, functions):
    """Several rooms may have one of the same name, each for its part: every one counts."""
    tests = functions.get(f"test_{name}", [])
    assert tests, f"no test_{name}: {INCIDENTS[name]}"
    for test in tests:
        assert any(isinstance(node, ast.Assert) for node in ast.walk(test))
        calls = {ast.unparse(node.func) for node in ast.walk(test) if isinstance(node, ast.Call)}
        assert not marked(test, "skip"), f"test_{name} is skipped: {INCIDENTS[name]}"
        assert not {"pytest.skip", "pytest.xfail"} & calls


def test_only_what_is_not_built_may_fail(functions):
    expected = [name for name, tests in functions.items() for test in tests if marked(test, "xfail")]
    assert expected == ["test_kill_switch_with_dead_bus"]
