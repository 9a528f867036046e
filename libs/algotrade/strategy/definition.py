"""What a kernel strategy is: parameters, a state, and two functions compiled by ``algotrade.jit``.

Strategy files are kernel sources and import this one, so it stays free of everything but the domain.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from algotrade.domain.instrument import Instrument, Instruments
from algotrade.domain.market import Kind, Records


class KernelStrategy(msgspec.Struct, frozen=True, kw_only=True):
    """A kernel strategy's definition; its hosts run it through ``KernelRunner`` or call ``step`` in a compiled loop.

    ``name``         of intents' ids and of the registry
    ``kind``         the one kind of record that ``step`` consumes
    ``parameters``   a frozen ``msgspec.Struct`` that checks itself: a ValueError with key, value and what is allowed
    ``pack``         (parameters, instrument) -> the instrument's row of ``params_dtype``, a tuple
    ``params_dtype``, ``state_dtype``  one row per instrument, indexed by ``Instrument.id``
    ``step``         (params, state, records, intents) -> number of rows of ``intents`` written
    ``fold``         (params, state, reports) -> nothing; ``reports`` are rows of ``REPORT``: of this strategy's orders,
                     and what the broker liquidated, whosever it was
    ``intents_per_record_max``  rows that one record may make ``step`` write

    The contract of the two functions:

    - State of zero bytes is the state before the first record, and ``state`` is all that is remembered.
    - ``step`` consumes all records; how a run is cut into batches changes nothing. Rows of ``intents`` are written
      from 0 up in the order of their records, every field of each (``strategy.intents`` has the writers).
    - Intents are born of market records only. The clock is the event time of the record in hand.
    - A quantity is a whole number of lots, so that what the strategy counts is what was sent: the row that ``pack``
      makes carries the lot.
    """

    name: str
    kind: Kind
    parameters: type[msgspec.Struct]
    pack: Callable[[Any, Instrument], tuple[float, ...]]
    params_dtype: np.dtype[np.void]
    state_dtype: np.dtype[np.void]
    step: Callable[[Records, Records, Records, Records], int]
    fold: Callable[[Records, Records, Records], None]
    intents_per_record_max: int

    def params(self, parameters: msgspec.Struct, instruments: Instruments) -> Records:
        """Return the parameters as kernels read them: shape (instruments,), dtype ``params_dtype``."""
        assert isinstance(parameters, self.parameters), f"{self.name} takes {self.parameters}, not {type(parameters)}"
        return np.array([self.pack(parameters, i) for i in instruments], dtype=self.params_dtype)

    def new_state(self, instruments: Instruments) -> Records:
        """Return the state before the first record: shape (instruments,), dtype ``state_dtype``."""
        return np.zeros(len(instruments), dtype=self.state_dtype)
