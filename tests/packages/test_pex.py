"""The planes as deployed: one file each."""

import json
import shutil
import subprocess
import zipfile

import pytest

from algotrade.bus import LocalBus
from algotrade.bus.topics import PLANES
from tests.integration.runs import algotrade, demo
from tests.integration.ticks import write_quotes
from tests.packages.built import DIST, ROOT


def pex(plane: str):
    (found,) = DIST.rglob(f"{plane.replace('-', '_')}.pex")
    return found


def test_three_pexes_give_the_fills_of_the_demo(tmp_path):
    out = tmp_path / "out"
    expected = demo(out, "--data", write_quotes(tmp_path / "quotes.parquet", 30_000))
    LocalBus.remove(out / "bus")

    planes = [subprocess.Popen([pex(plane), "--config", out / "config.toml"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True) for plane in PLANES]
    for plane in planes:
        _, errors = plane.communicate(timeout=300)
        assert plane.returncode == 0, errors

    done = algotrade("demo", "--resume", out / "bus", "--out", out, "--data", tmp_path / "quotes.parquet")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((out / "summary.json").read_text())["fills_sha256"] == expected["fills_sha256"]
    assert expected["fills"] > 0


@pytest.mark.parametrize("plane", PLANES)
def test_a_pex_carries_what_its_plane_reaches_and_nothing_else(plane):
    names = zipfile.ZipFile(pex(plane)).namelist()
    ours = {name.split("/")[1] for name in names if name.startswith("algotrade_runners/") and name.count("/") > 1}
    assert ours == {plane.replace("-", "_")}
    carried = {name.split("/")[1].split("-")[0] for name in names if name.startswith(".deps/")}
    assert not carried & {"plotly", "typer", "rich", "pytest", "bokeh_sampledata"}


@pytest.mark.parametrize("arrow", [
    ("libs/algotrade/domain/wrong.py", "from algotrade.bus import Bus\n"),
    ("libs/algotrade/strategy/wrong.py", "from algotrade.bus import Bus\n"),
    ("runners/algotrade_runners/data_plane/wrong.py", "from algotrade_runners.order_plane.main import main\n"),
])
def test_pants_refuses_an_arrow_that_the_import_table_lacks(arrow, tmp_path):
    """In a copy of the checkout, so that nobody meets the wrong file."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, tracked.split("\0")):
        if name.startswith(("libs/", "runners/")) or "/" not in name:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    tools = tmp_path / "tools"
    tools.mkdir()
    shutil.copy(ROOT / "tools" / "pants", tools)
    path, text = arrow
    (tmp_path / path).write_text(f'"""Wrong on purpose."""\n\n{text}')

    done = subprocess.run([tools / "pants", "dependencies", path], cwd=tmp_path, capture_output=True, text=True,
                          check=False)
    assert done.returncode != 0
    assert "DependencyRule" in done.stderr
    assert path in done.stderr
