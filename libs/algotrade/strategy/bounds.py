"""The check that lets kernels index by instrument without one of their own."""

from algotrade.domain.market import Records
from algotrade.jit import jit


@jit
def first_foreign(records: Records, instruments: int) -> int:
    """Return the first row of ``records`` whose instrument is not 0 to ``instruments`` - 1, or -1.

    Compiled code reads and writes out of range without a word, so somebody has to look.
    """
    for row in range(len(records)):
        instrument = records[row]["instrument"]
        if instrument < 0 or instrument >= instruments:
            return row
    return -1
