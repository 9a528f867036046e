"""Calls and constructs that the house does without, each with its reason."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.repo.tree import LIBRARIES, ROOT, RUNNERS, below, parsed, python_files, where

LINES_MAX = 500

CLOCK = LIBRARIES / "domain" / "clock.py"
CLOCK_READS = {
    "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.perf_counter_ns",
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "datetime.datetime.now",
    "datetime.datetime.utcnow", "datetime.date.today",
}
SLEEPS = {"time.sleep", "asyncio.sleep", "sleep"}

# Ledger money is Decimal. float() is for records and kernels; these rooms hold values.
MONEY_FILES = ("domain/position.py", "execution/ledger.py")


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def calls(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call):
            yield node.lineno, dotted(node.func)


def found(paths: list[Path], banned: set[str]) -> list[str]:
    return [f"{where(p, line)}: {name}()" for p in paths for line, name in calls(p) if name in banned]


def test_only_the_clock_reads_the_time():
    assert not found([p for p in below(LIBRARIES) + below(RUNNERS) if p != CLOCK], CLOCK_READS)


def test_nothing_sleeps():
    """A sleep in a plane is a latency, in a test a race: wait on the bus, or for what happens."""
    assert not found(below(LIBRARIES) + below(RUNNERS) + below(ROOT / "tests"), SLEEPS)


def test_libraries_do_not_print():
    assert not found(below(LIBRARIES), {"print"})


def test_no_except_catches_everything():
    bare = [
        where(path, node.lineno)
        for path in python_files() for node in ast.walk(parsed(path))
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert not bare, "bare except"


def test_money_is_never_a_float():
    wrong = found([LIBRARIES / name for name in MONEY_FILES if (LIBRARIES / name).exists()], {"float"})
    wrong += [
        f"{where(path, node.lineno)}: {ast.unparse(node)}"
        for path in below(LIBRARIES) for node in ast.walk(parsed(path))
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "float"
        and isinstance(node.target, ast.Name)
        and any(word in node.target.id.split("_") for word in ("commission", "pnl", "cash", "notional", "fee"))
    ]
    assert not wrong


def test_no_file_outgrows_its_room():
    counts = {path: len(path.read_text().splitlines()) for path in python_files()}
    long = [f"{path.relative_to(ROOT)}: {count} lines" for path, count in counts.items() if count > LINES_MAX]
    assert not long, f"more than {LINES_MAX} lines"


def test_pure_rooms_neither_log_nor_do_io():
    pure = [p for room in ("domain", "signals", "strategy", "risk", "matching") for p in below(LIBRARIES / room)]
    assert not found(pure, {"open", "print"})
    wrong = [
        f"{where(path, node.lineno)}: {ast.unparse(node)}"
        for path in pure for node in ast.walk(parsed(path))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and {(getattr(node, "module", None) or node.names[0].name).split(".")[0]}
        & {"logging", "structlog", "socket", "pathlib", "os", "subprocess", "sqlite3", "apsw"}
    ]
    assert not wrong
