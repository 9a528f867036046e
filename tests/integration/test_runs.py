"""What the other tests see of a run that is over before they look."""

from tests.integration.runs import Started


def test_a_demo_that_has_ended_has_no_planes_and_keeps_its_exit_code(tmp_path):
    run = Started(tmp_path / "out", ["--data", tmp_path / "not-there.parquet"])

    run.wait_until(lambda _: False)

    assert run.planes() == {}
    code, output = run.end()
    assert code not in (0, None), output
