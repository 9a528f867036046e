"""What the repository's own rules look at: its tracked Python files, parsed once."""

import ast
import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = ROOT / "libs" / "algotrade"
RUNNERS = ROOT / "runners" / "algotrade_runners"


@functools.cache
def python_files() -> tuple[Path, ...]:
    """Return every Python file that git tracks or would track; without git, every one outside what make made."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout.split("\n")
        return tuple(ROOT / name for name in listed if name and (ROOT / name).exists())
    except (OSError, subprocess.CalledProcessError):
        return tuple(p for top in ("libs", "runners", "tests", "tools") for p in sorted((ROOT / top).rglob("*.py")))


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def below(folder: Path) -> list[Path]:
    return [path for path in python_files() if folder in path.parents]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, module) for every import of the file, wherever it stands; ``from a import b`` counts as a.b too."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def build_table(build: Path, name: str) -> dict[str, list[str]]:
    """Return the table ``name`` of a Pants BUILD file: the same object that Pants reads."""
    def ignore(*args: Any, **kwargs: Any) -> None:
        """Stand in for what a BUILD file declares."""

    scope: dict[str, Any] = dict.fromkeys(("python_sources", "pex_binary", "__dependencies_rules__"), ignore)
    exec(compile(build.read_text(), str(build), "exec"), scope)  # noqa: S102 -- our own build file
    table: dict[str, list[str]] = scope[name]
    return table


def where(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"
