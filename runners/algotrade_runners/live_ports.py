"""The real ports of a live run: sessions with Interactive Brokers, and what the planes have on them.

Three sessions share one login. The order plane's has the configured client id, for orders belong to a client id. The
data plane's has the next one, and is read-only. The third asks for contracts when an order plane starts, also one that
stands by: that one must not touch the leader's session, and would else have to ask when seconds count.
"""

from collections.abc import Mapping

import msgspec

from algotrade.domain import Clock
from algotrade.domain.clock import NANOSECONDS_PER_SECOND
from algotrade.execution import BrokerError
from algotrade.execution.ibkr import IbkrBroker
from algotrade.feeds import FeedError
from algotrade.feeds.ibkr.feed import IbkrFeed
from algotrade.ibkr.contracts import ContractError, ContractFacts
from algotrade.ibkr.qualification import Qualification
from algotrade.ibkr.session import (
    Channel,
    IbkrSettings,
    LinkChanged,
    RequestRefused,
    Session,
    SessionError,
    SocketState,
    Told,
)
from algotrade.ibkr.wire import Request
from algotrade.ibkr.wire.records import Contract
from algotrade.telemetry import get_log
from algotrade_runners.settings import Settings

DATA_CLIENT = 1
CONTRACTS_CLIENT = 2
"""What is added to the configured client id for the other two sessions."""

CONTRACTS_S_MAX = 120.0
"""How long an order plane tries to learn its contracts before it ends, for its supervisor to start it again."""
WAIT_S = 0.1


def ibkr_feed(settings: Settings, clock: Clock, known_bars: Mapping[int, int]) -> IbkrFeed:
    """Return the live feed on a session of its own, which is connecting; raises ``FeedError``.

    ``known_bars``  the end of the last bar that was published, by instrument id
    """
    session = Session(_reader(settings, DATA_CLIENT), clock, seed=settings.run.seed)
    feed = IbkrFeed(session, settings.ibkr_feed, settings.universe(), clock, facts=facts_of(settings),
                    hours=settings.sessions(), known_bars=known_bars)
    try:
        session.start()
    except SessionError as error:
        raise FeedError(str(error)) from error
    return feed


def ibkr_broker(settings: Settings, clock: Clock) -> IbkrBroker:
    """Return the broker, which connects when it is armed; asks for the contracts first. Raises ``BrokerError``."""
    assert settings.ibkr is not None, "a run that is not live has no such broker"
    contracts = known_contracts(settings, clock)
    return IbkrBroker(Session(settings.ibkr, clock, seed=settings.run.seed), contracts, settings.universe(),
                      settings.ibkr_orders.of(settings.ibkr), clock)


def facts_of(settings: Settings) -> dict[int, ContractFacts]:
    """Return what IB has to be told of each instrument, by instrument id."""
    return {i.id: settings.contracts.get(i.symbol, ContractFacts()) for i in settings.universe()}


def known_contracts(settings: Settings, clock: Clock) -> dict[int, Contract]:
    """Return the contract of every instrument, by instrument id, asked by a session that ends then.

    Raises ``BrokerError`` where a contract is not what is configured, or after ``CONTRACTS_S_MAX``.
    """
    session = Session(_reader(settings, CONTRACTS_CLIENT), clock, seed=settings.run.seed)
    facts = facts_of(settings)
    qualification = Qualification([(i, facts[i.id]) for i in settings.universe()], session.next_request_id)
    deadline_ns = clock.monotonic_ns() + int(CONTRACTS_S_MAX * NANOSECONDS_PER_SECOND)
    try:
        session.start()
        while not qualification.done:
            if clock.monotonic_ns() >= deadline_ns:
                raise BrokerError(f"contracts are not known after {CONTRACTS_S_MAX:g} s: {_why(session)}")
            session.wait(WAIT_S)
            _ask(session, _follow(session, qualification, clock))
    except (SessionError, ContractError) as error:
        raise BrokerError(str(error)) from error
    finally:
        session.close()
    get_log().info("contracts", count=len(qualification.qualified))
    return {i: one.contract for i, one in qualification.qualified.items()}


def _follow(session: Session, qualification: Qualification, clock: Clock) -> list[Request]:
    now_ns = clock.monotonic_ns()
    questions: list[Request] = []
    for event in session.events():
        if isinstance(event, LinkChanged) and event.channel is Channel.SOCKET and event.state == SocketState.CONNECTED:
            questions += qualification.start(now_ns)
        elif isinstance(event, Told):
            questions += qualification.take(event.answer, now_ns)
    return questions + qualification.due(now_ns)


def _ask(session: Session, questions: list[Request]) -> None:
    for question in questions:
        try:
            session.request(question)
        except RequestRefused as refused:
            # The link is down again: all of it is asked when it is up.
            get_log().info("question_unsent", because=str(refused))


def _why(session: Session) -> str:
    return str(session.failure or session.disarmed_because or "no answer")


def _reader(settings: Settings, offset: int) -> IbkrSettings:
    """Return how to reach the broker as one who only reads."""
    assert settings.ibkr is not None, "a run that is not live reaches no broker"
    return msgspec.structs.replace(settings.ibkr, client_id=settings.ibkr.client_id + offset, read_only=True)
