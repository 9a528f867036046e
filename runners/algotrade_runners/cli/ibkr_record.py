"""What ``algotrade ibkr record`` asks for while it records: so much that a replay has something of each kind to say."""

from datetime import UTC, datetime
from pathlib import Path

from algotrade.domain.clock import NANOSECONDS_PER_SECOND, Clock
from algotrade.ibkr.recording import Recorder, RecordingError
from algotrade.ibkr.session import IbkrSettings, LinkChanged, RequestRefused, Session, SessionError
from algotrade.ibkr.wire import Request
from algotrade.ibkr.wire import requests as r
from algotrade.ibkr.wire.records import Contract
from algotrade_runners.host import StopFlag

FIRST_TRY_S = 30.0
LOOK_S = 0.5
"""How often Ctrl-C and the end are looked for."""


def record_session(
    settings: IbkrSettings, clock: Clock, folder: Path, *, symbol: str, seconds: float, stop: StopFlag,
) -> Recorder:
    """Record a session for ``seconds``, or until ``stop``; return the recorder, closed.

    Raises ``SessionError`` where no connection is made, and ``RecordingError`` where nothing can be written.
    """
    began = datetime.fromtimestamp(clock.time_ns() // NANOSECONDS_PER_SECOND, UTC)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordingError(f"{folder}: {error.strerror}") from error
    recorder = Recorder(folder / f"ibkr-{began:%Y%m%d-%H%M%S}.jsonl", clock, account=settings.account,
                        about={"client": settings.client})
    session = Session(settings, clock, witness=recorder)
    try:
        session.start()
        if not session.connected(FIRST_TRY_S):
            raise session.failure or SessionError("the first try to connect does not end")
        _run(session, clock, symbol, clock.monotonic_ns() + int(seconds * NANOSECONDS_PER_SECOND), stop, recorder)
    finally:
        session.close()
        recorder.close()
    return recorder


def _run(session: Session, clock: Clock, symbol: str, until_ns: int, stop: StopFlag, recorder: Recorder) -> None:
    while not (stop.is_set or recorder.is_full) and (left_ns := until_ns - clock.monotonic_ns()) > 0:
        session.wait(min(LOOK_S, left_ns / NANOSECONDS_PER_SECOND))
        for event in session.events():
            if isinstance(event, LinkChanged) and event.resubscribe:
                _ask(session, symbol)


def _ask(session: Session, symbol: str) -> None:
    for request in _questions(session, symbol):
        try:
            session.request(request)
        except RequestRefused:
            return  # the connection has gone again; the next one asks anew


def _questions(session: Session, symbol: str) -> list[Request]:
    contract = Contract(symbol=symbol, sec_type="STK", exchange="SMART", currency="USD")
    new_id = session.next_request_id
    return [
        r.RequestContractData(req_id=new_id(), contract=contract),
        r.RequestAccountUpdates(is_subscribed=True, account=session.account),
        r.RequestAccountSummary(req_id=new_id(), group="All", tags="NetLiquidation,TotalCashValue,AccountType"),
        r.RequestPnl(req_id=new_id(), account=session.account),
        r.RequestMarketData(req_id=new_id(), contract=contract),
        r.RequestRealTimeBars(req_id=new_id(), contract=contract, bar_size_s=5, what_to_show="TRADES", use_rth=False),
        r.RequestHistoricalData(req_id=new_id(), contract=contract, end="", bar_size="1 min", duration="1800 S",
                                use_rth=0, what_to_show="TRADES", format_date=2, keep_up_to_date=True),
        r.RequestTickByTick(req_id=new_id(), contract=contract, tick_type="AllLast"),
        r.RequestMatchingSymbols(req_id=new_id(), pattern=symbol),
    ]
