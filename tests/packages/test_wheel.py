"""The wheel, installed in an environment of its own, as a notebook user does."""

import re
import subprocess
import sys
import zipfile

import pytest

from tests.packages.built import DIST, ROOT

EXTRAS_ONLY = {"pandas", "confluent_kafka", "plotly", "exchange_calendars", "ib_insync", "ib_async", "boto3",
               "botocore", "bokeh_sampledata"}


@pytest.fixture(scope="module")
def wheel():
    (found,) = DIST.glob("algotrade-*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """An environment with the wheel and what it requires, in the locked versions."""
    folder = tmp_path_factory.mktemp("notebook")
    lock = (ROOT / "requirements.lock").read_text()
    pins = re.findall(r"^([a-z0-9-]+==[^ ;\\]+)(?: ; ([^\\]+))?", lock, re.MULTILINE)
    constraints = folder / "constraints.txt"
    constraints.write_text("".join(f"{pin} ; {marker.strip()}\n" if marker else f"{pin}\n" for pin, marker in pins))
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint",
                    constraints, wheel], check=True)
    return python


def test_the_wheel_holds_the_two_packages_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {
        "algotrade", "algotrade_runners", f"algotrade-{wheel.name.split('-')[1]}.dist-info"}
    assert {"algotrade/py.typed", "algotrade_runners/py.typed"} <= set(names)
    assert not [name for name in names if name.endswith("BUILD")]


def test_a_notebook_gets_the_libraries_without_the_extras(python, tmp_path):
    """Every library of the wheel is importable, and brings nothing that only an extra needs."""
    script = """
import importlib, importlib.util, pkgutil, sys
import algotrade
of_an_extra = "algotrade.bus.kafka"
def refused(name):
    assert name == of_an_extra, name
for module in pkgutil.walk_packages(algotrade.__path__, "algotrade.", onerror=refused):
    if not module.name.startswith(of_an_extra):
        importlib.import_module(module.name)
print(*sorted(name for name in sys.argv[1:] if importlib.util.find_spec(name)))
"""
    done = subprocess.run([python, "-W", "error", "-c", script, *EXTRAS_ONLY], capture_output=True, text=True,
                          check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_a_bus_on_kafka_names_the_extra_that_it_needs(python, tmp_path):
    done = subprocess.run([python.with_name("algotrade"), "bus", "topics", "--bus", "kafka://127.0.0.1:1/live"],
                          capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode != 0
    assert "pip install 'algotrade[kafka]'" in done.stderr


def test_the_command_replays_a_file_and_says_what_the_report_needs(python, tmp_path):
    from tests.integration.ticks import write_quotes

    quotes = write_quotes(tmp_path / "quotes.parquet", 20_000)
    done = subprocess.run([python.with_name("algotrade"), "demo", "--data", quotes, "--out", tmp_path / "out"],
                          capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out" / "fills.csv").exists()
    assert "algotrade[report]" in done.stdout
