"""The demo over a real broker fills as it does over the local bus; each run on a cluster is its own."""

from tests.integration.runs import algotrade, demo
from tests.torture.conftest import busy, ticks, undisturbed  # noqa: F401 -- fixtures
from tests.torture.drills import RESULTS


def test_two_runs_on_one_cluster_make_the_files_of_the_local_bus(broker, undisturbed, ticks, tmp_path):  # noqa: F811
    for out in (tmp_path / "first", tmp_path / "second"):
        summary = demo(out, *ticks, "--bus", f"kafka://{broker.address}")

        assert (summary["resumed"], summary["events_lost"], summary["events_duplicated"]) == (False, 0, 0)
        for name in RESULTS:
            assert (out / name).read_bytes() == (undisturbed / name).read_bytes(), name


def test_a_run_that_is_not_there_cannot_be_resumed(broker, ticks, tmp_path):  # noqa: F811
    done = algotrade("demo", *ticks, "--out", tmp_path, "--resume", f"kafka://{broker.address}/never-was")

    assert done.returncode != 0
    assert "never-was holds no run to resume" in done.stderr + done.stdout
