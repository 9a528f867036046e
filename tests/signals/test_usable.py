"""What is usable as an observation, against the rule as it is written: each input on its own."""

import itertools
import math

import numpy as np
import pytest

from algotrade.signals import catalog, loops
from algotrade.signals.arithmetic import LIMIT, SMALLEST

ABOVE = math.nextafter(LIMIT, math.inf)
EDGES = [0.0, -0.0, 1.0, SMALLEST, math.nextafter(SMALLEST, 0.0), 0.5 * LIMIT, 0.6 * LIMIT, LIMIT, ABOVE, math.inf,
         math.nan]
EDGES += [-edge for edge in EDGES if edge > 0.0]
FLOORS = sorted({tuple(i.floor for i in signal.inputs) for signal in catalog.values() if signal.kind == "signal"})


@pytest.mark.parametrize("floors", [f for f in FLOORS if len(f) <= 4], ids=str)
def test_an_observation_is_usable_where_each_of_its_inputs_is(floors):
    usable = loops._usable(floors)
    choice = EDGES if len(floors) <= 3 else EDGES[::2]
    for inputs in itertools.product(choice, repeat=len(floors)):
        each = all(math.isfinite(x) and abs(x) <= LIMIT and x >= floor for x, floor in zip(inputs, floors, strict=True))
        assert usable(*inputs) == each, inputs


def test_one_bad_number_anywhere_in_a_book_makes_it_unusable():
    floors = next(f for f in FLOORS if len(f) == loops.BOOK)
    usable = loops._usable(floors)
    assert usable(*np.ones(loops.BOOK))
    for place, bad in itertools.product(range(loops.BOOK), (math.nan, math.inf, ABOVE, -ABOVE)):
        book = np.ones(loops.BOOK)
        book[place] = bad
        assert not usable(*book), (place, bad)
