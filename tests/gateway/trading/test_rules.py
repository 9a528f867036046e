"""Each rule that IB enforces, by its code; and that what is refused changes nothing."""

from decimal import Decimal

import msgspec
import pytest

from algotrade.gateway.listings import Listings
from algotrade.gateway.trading import AccountSettings, Margin, Presets, SettingsError, Trading, TradingSettings
from algotrade.gateway.trading.placing import Asked, refusal
from algotrade.ibkr.wire.answers.contracts import PriceIncrement
from algotrade.ibkr.wire.answers.link import NextValidId
from algotrade.ibkr.wire.answers.orders import OrderStatus
from algotrade.ibkr.wire.records import Condition, Contract
from algotrade.ibkr.wire.requests import (
    PlaceOrder,
    RequestCompletedOrders,
    RequestGlobalCancel,
    RequestIds,
    RequestOpenOrders,
)
from tests.gateway.trading.world import (
    AAA,
    CCC,
    CLOSE,
    INSTRUMENTS,
    LISTINGS,
    MINUTE,
    MONDAY,
    PAIR,
    T0,
    World,
    order,
)

REFUSED = [
    (321, order("HOLD")),
    (387, order(order_type="REL")),
    (387, order(order_type="")),
    (387, order(order_type="MOC")),
    (387, order(order_type="LMT", limit=90, tif="OPG")),
    (321, order(tif="GTX")),
    (113, order(order_type="LOC", limit=90, tif="GTC")),
    (111, order(order_type="STP", aux=90, tif="OPG")),
    (434, order(quantity=0)),
    (388, order(quantity="0.5")),
    (355, order(quantity="1.5")),
    (321, order(order_type="LMT")),
    (321, order(order_type="STP LMT", limit=90)),
    (110, order(order_type="LMT", limit=90.005)),
    (110, order(order_type="LMT", limit=-1)),
    (110, order(order_type="LMT", limit=0)),
    (110, order(order_type="STP", aux=90.001)),
    (110, order(order_type="TRAIL", aux=0.001)),
    (321, order(order_type="TRAIL")),
    (321, order(order_type="TRAIL", aux=1, trailing_percent=1)),
    (321, order(order_type="TRAIL", trailing_percent=100)),
    (334, order(order_type="LMT", limit=90, tif="GTD")),
    (334, order(order_type="LMT", limit=90, tif="GTD", good_till_date="tomorrow")),
    (334, order(order_type="LMT", limit=90, tif="GTD", good_till_date="20260105 15:29:59 UTC")),
    (334, order(order_type="LMT", limit=90, tif="GTD", good_till_date="20260104")),
    (321, order(account="DU7654321")),
    (321, order(account="U1234567")),
    (10006, order(parent_id=77)),
    (201, order(algo_strategy="Twap")),
    (201, order(conditions=(Condition(kind=3, time="20260105 16:00:00"),))),
    (201, order(all_or_none=True)),
]


@pytest.mark.parametrize(("code", "wrong"), REFUSED, ids=lambda x: str(x) if isinstance(x, int) else "")
def test_a_wrong_order_is_refused_by_its_code_and_leaves_nothing_behind(code, wrong):
    world = World()
    world.quote(99.99, 100.01)
    before = world.trading.state()

    order_id = world.place(wrong)

    assert world.errors() == [(order_id, code)]
    assert world.trading.state() == before
    world.quote(99.99, 100.01)
    assert world.of(OrderStatus) == []


def test_an_unknown_contract():
    world = World()
    for asked in (Contract(symbol="ZZZ", sec_type="STK"), Contract()):
        world.ask(PlaceOrder(order_id=1, contract=asked, order=order()))
    assert world.errors() == [(1, 200), (1, 200)]


def test_order_ids_grow_and_are_never_used_twice():
    world = World()
    world.place(order(order_type="LMT", limit=90), order_id=5)
    world.cancel(5)
    world.place(order(order_type="LMT", limit=91), order_id=5)
    world.place(order(order_type="LMT", limit=91), order_id=4)
    world.place(order(order_type="LMT", limit=91), order_id=0)
    world.place(order(order_type="LMT", limit=91), order_id=2**31)
    assert [c for _, c in world.errors()] == [202, 103, 103, 103, 320]

    world.ask(RequestIds())
    assert world.of(NextValidId)[-1].order_id == 6
    world.connect(2)
    assert world.of(NextValidId, 2)[-1].order_id == 1


def test_ids_outlive_a_reconnect_and_roll_back_with_a_restart_if_so_told():
    world = World()
    for _ in range(3):
        order_id = world.place(order(order_type="LMT", limit=90))
    world.cancel(order_id)
    world.trading.disconnected(1, world.now_ns)
    world.connect(1)
    assert world.of(NextValidId)[-1].order_id == 4

    world.take(world.trading.restarted(world.now_ns, rolls_back_ids=False))
    world.connect(1)
    assert world.of(NextValidId)[-1].order_id == 4
    world.take(world.trading.restarted(world.now_ns, rolls_back_ids=True))
    world.connect(1)
    assert world.of(NextValidId)[-1].order_id == 3
    world.place(order(order_type="LMT", limit=91), order_id=3)
    assert world.status(3).status == "Submitted"
    assert len(world.trading.state().orders) == 3


def test_prices_keep_to_the_step_of_their_band():
    listing = LISTINGS.by_instrument(AAA)
    bands = tuple(PriceIncrement(low_edge=Decimal(e), increment=Decimal(i)) for e, i in (("0", "0.01"), ("50", "0.05")))
    listing = msgspec.structs.replace(listing, increments=bands)

    def at(limit):
        wanted = order(order_type="LMT", limit=limit, tif="DAY", account="DU1234567")
        return refusal(Asked(wanted, listing, TradingSettings(), None, T0))

    assert at(49.99) is None
    assert at(50.01).code == 110
    assert at(50.05) is None


def test_what_a_modification_may_and_may_not_change():
    world = World()
    first = order(order_type="LMT", limit=90, order_ref="mine")
    order_id = world.place(first)
    for changed in (order("SELL", order_type="LMT", limit=90, order_ref="mine"),
                    order(order_type="LMT", limit=90, order_ref="other"),
                    order(order_type="STP", aux=90, order_ref="mine"),
                    order(order_type="LMT", limit=90, order_ref="mine", outside_rth=True)):
        world.place(changed, order_id=order_id)
    world.place(first, 1, order_id=order_id)
    assert world.errors() == [(order_id, 105)] * 5
    world.place(order(order_type="LMT", limit=90.001, order_ref="mine"), order_id=order_id)
    assert world.errors()[-1] == (order_id, 110)
    assert world.live(order_id).order.lmt_price == 90

    world.place(order(quantity=70, order_type="LMT", limit=91, tif="IOC", order_ref="mine"), order_id=order_id)

    told = world.told(order_id).order
    assert (told.total_quantity, told.lmt_price, told.tif, told.order_ref) == (70, 91, "IOC", "mine")
    assert len(world.trading.state().orders) == 1
    world.quote(90, 90.5)
    assert world.fills(order_id) == [(70, 90.5)]
    world.place(order(quantity=70, order_type="LMT", limit=91, tif="IOC", order_ref="mine"), order_id=order_id)
    assert world.errors()[-1] == (order_id, 104)


def test_a_modification_keeps_what_was_filled_and_goes_to_the_back_of_the_queue():
    world = World()
    first, second = (world.place(order(order_type="LMT", limit=100)) for _ in range(2))
    world.quote(99, 100, ask_size=30)
    world.place(order(quantity=20, order_type="LMT", limit=100), order_id=first)
    assert world.errors()[-1] == (first, 201)
    world.place(order(quantity=120, order_type="LMT", limit=100), order_id=first)

    world.quote(99, 100, ask_size=110)

    assert [sum(q for q, _ in world.fills(i)) for i in (first, second)] == [40, 100]
    status = world.status(first)
    assert (status.filled, status.remaining) == (40, 80)


def test_cancels_of_what_is_unknown_anothers_or_done():
    world = World(clients=(1, 2))
    order_id = world.place(order(order_type="LMT", limit=90))
    world.cancel(99)
    world.cancel(order_id, client_id=2)
    assert world.errors() == [(99, 10147)]
    assert world.errors(2) == [(order_id, 10147)]
    world.cancel(order_id)
    assert world.statuses(order_id)[-1] == "Cancelled"
    world.cancel(order_id)
    assert world.errors()[1:] == [(order_id, 202), (order_id, 10148)]
    assert world.errors(2) == [(order_id, 10147)]


def test_a_read_only_api_places_nothing_and_answers_nothing_about_orders():
    world = World(is_read_only=True)
    world.place(order())
    world.cancel(1)
    for request in (RequestGlobalCancel(), RequestOpenOrders(), RequestCompletedOrders(is_api_only=False)):
        world.ask(request)
    assert world.errors() == [(1, 321), (1, 321), (-1, 321), (-1, 321), (-1, 321)]
    assert world.trading.state().orders == {}


@pytest.mark.parametrize(("presets", "what", "code"), [
    (Presets(size=Decimal(99)), order(), 383),
    (Presets(price_percent=Decimal(3)), order(order_type="LMT", limit=103.01), 163),
    (Presets(price_percent=Decimal(3)), order("SELL", order_type="LMT", limit=96.99), 163),
    (Presets(price_percent=Decimal(3)), order(order_type="STP", aux=103.01), 109),
    (Presets(ticks=10), order(order_type="LMT", limit=100.11), 382),
])
def test_precautionary_limits(presets, what, code):
    world = World(presets=presets)
    world.quote(99.99, 100.01)
    order_id = world.place(what)
    assert world.errors() == [(order_id, code)]


def test_what_precautionary_limits_let_through():
    world = World(presets=Presets(price_percent=Decimal(3), size=Decimal(100)))
    world.place(order(order_type="LMT", limit=100))
    assert world.errors() == [(1, 164)]
    world.quote(99.99, 100.01)
    for fine in (order(order_type="LMT", limit=103), order(order_type="LMT", limit=1), order(),
                 order(order_type="LMT", limit=110, override_percentage_constraints=True)):
        assert world.status(world.place(fine)).status == "Submitted"


def test_a_preset_time_in_force_is_told():
    world = World(presets=Presets(tif="GTC"))
    given, own = (world.place(order(order_type="LMT", limit=90, tif=tif)) for tif in ("", "DAY"))
    assert world.errors() == [(given, 10349)]
    assert [world.told(i).order.tif for i in (given, own)] == ["GTC", "DAY"]


def test_twenty_active_orders_per_contract_and_side():
    world = World()
    for _ in range(20):
        world.place(order(order_type="LMT", limit=90))
    assert world.errors() == []
    over = world.place(order(order_type="LMT", limit=90))
    assert world.errors() == [(over, 201)]
    assert world.status(over).status == "Inactive"
    assert world.status(world.place(order("SELL", order_type="LMT", limit=110))).status == "Submitted"
    assert world.status(world.place(order(order_type="LMT", limit=90), PAIR)).status == "Submitted"
    world.cancel(1)
    assert world.status(world.place(order(order_type="LMT", limit=90))).status == "Submitted"
    assert world.errors()[1:] == [(1, 202)]


def test_margin_is_needed_for_what_enlarges_a_position():
    world = World(accounts={"DU1": AccountSettings(cash={"USD": Decimal(10_000)})})
    world.quote(99.99, 100.01)
    over = world.place(order(quantity=201))
    assert world.errors() == [(over, 201)]
    assert world.status(over).status == "Inactive"
    fits = world.place(order(quantity=150))
    world.quote(99.99, 100.01)
    assert world.status(fits).status == "Filled"
    more = world.place(order(quantity=100))
    assert world.errors()[1:] == [(more, 201)]
    changed = world.place(order(quantity=10, order_type="LMT", limit=99))
    world.place(order(quantity=100, order_type="LMT", limit=99), order_id=changed)
    assert world.errors()[2:] == [(changed, 201)]
    assert world.live(changed).quantity == 10
    assert world.status(world.place(order("SELL", quantity=150))).status == "Submitted"


def test_an_account_must_be_named_where_there_are_several():
    accounts = {"DU1": AccountSettings(), "DU2": AccountSettings()}
    world = World(accounts=accounts)
    unnamed = world.place(order())
    named = world.place(order(account="DU2"))
    world.quote(99.99, 100.01)
    assert world.errors() == [(unnamed, 435)]
    assert world.fills(named) == [(100, 100.01)]
    assert (world.holding(account="DU1"), world.holding(account="DU2")) == (0, 100)


def test_auctions_have_a_cutoff():
    world = World(now_ns=MONDAY + CLOSE - 10 * MINUTE)
    late = world.place(order(order_type="MOC"), CCC)
    assert world.errors() == [(late, 201)]
    in_time = World(now_ns=MONDAY + CLOSE - 10 * MINUTE - 1)
    in_time.place(order(order_type="MOC"), CCC)
    assert in_time.errors() == []


def test_settings_that_cannot_be():
    with pytest.raises(SettingsError, match="accounts is empty"):
        TradingSettings(accounts={})
    with pytest.raises(SettingsError, match="active_orders_max is 0"):
        TradingSettings(active_orders_max=0)
    with pytest.raises(SettingsError, match="0 to open"):
        Margin(initial=Decimal(0), maintenance=Decimal(0))
    with pytest.raises(SettingsError, match="no rate of EUR"):
        Trading(Listings(INSTRUMENTS, {}, T0), TradingSettings(usd_per={"USD": Decimal(1)}))
