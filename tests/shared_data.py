"""Finds the shared market data, which are not part of the repository (licences forbid shipping most of them)."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path(os.environ.get("ALGOTRADE_DATA") or ROOT.parent / "shared" / "data")


def shared_data(name: str) -> Path:
    """Return the path of file ``name`` of the shared data; without it the test is skipped, and says why."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"no shared market data: {path} does not exist; set ALGOTRADE_DATA to their folder")
    return path
