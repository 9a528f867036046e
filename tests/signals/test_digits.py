"""A rolling variance of little noise around a large number keeps its digits, however long the series."""

import pytest

from tests.benchmarks.digits import WINDOWS, exact, hard_series, worst_errors


@pytest.fixture(scope="module")
def errors():
    return worst_errors(200_000, windows_checked=500)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("case", list(hard_series(1)))
def test_the_relative_error_is_below_a_billionth(errors, case, window):
    assert errors[case, window] <= 1e-9


@pytest.mark.parametrize("case", list(hard_series(1)))
def test_plain_running_sums_would_have_none(case):
    """The series are as hard as they are said to be."""
    window = hard_series(20_000)[case][-20:]
    naive = (window**2).mean() - window.mean() ** 2

    assert abs(naive - exact(window)) > 0.1 * exact(window)
