"""What is asked of an order before it is one: each rule a function that returns a refusal, or None.

Codes are IB's (ib message codes: documented); the words are ours.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import NamedTuple

from algotrade.gateway.listings import Listing
from algotrade.gateway.times import TimeError, parse_moment, zone_of
from algotrade.gateway.trading.orders import AT_CLOSE, BOOK_TYPES, TIFS, WITH_LIMIT, WITH_STOP
from algotrade.gateway.trading.settings import TradingSettings
from algotrade.ibkr.wire.records import Order

ID_MAX = 2**31 - 1
"""Order ids are Java ints."""

_NOT_SIMULATED = (
    "conditions", "algo_strategy", "adjusted_order_type", "hedge_type", "volatility", "all_or_none", "min_qty",
    "good_after_time", "scale_price_increment", "percent_offset", "hidden", "block_order", "sweep_to_fill",
    "discretionary_amount", "cash_qty", "fa_group", "fa_profile", "fa_percentage", "model_code", "nbbo_price_cap",
    "delta_neutral_order_type", "trigger_method", "duration", "auto_cancel_parent",
)
"""What would change how an order fills, and is not simulated: refused, because to ignore it would be a lie."""


class Refusal(NamedTuple):
    """A code of IB's and what is wrong."""

    code: int
    message: str


class Asked(NamedTuple):
    """An order with account and time in force filled in, and what its rules need to know."""

    order: Order
    listing: Listing
    settings: TradingSettings
    price: Decimal | None
    now_ns: int


Rule = Callable[[Asked], Refusal | None]


def refusal(asked: Asked) -> Refusal | None:
    """Return the first rule that the order breaks, None for none."""
    return next((r for r in (rule(asked) for rule in _RULES) if r is not None), None)


def _account(asked: Asked) -> Refusal | None:
    account = asked.order.account
    if not account:
        return Refusal(435, "You must specify an account.")
    if account not in asked.settings.accounts:
        return Refusal(321, f"Error validating request: invalid account code '{account}'.")
    return None


def _kind(asked: Asked) -> Refusal | None:
    """Refuse an action, order type or time in force that is not known, or that do not go together."""
    order = asked.order
    if order.action not in {"BUY", "SELL"}:
        return Refusal(321, f"Error validating request: order action '{order.action}' is none of BUY, SELL.")
    known = {name.strip() for name in asked.listing.order_types.split(",")}
    if order.order_type not in BOOK_TYPES or (known != {""} and order.order_type.replace(" ", "") not in known):
        return Refusal(387, f"Unsupported order type for this exchange and security type: '{order.order_type}'.")
    if order.tif not in TIFS:
        return Refusal(321, f"Error validating request: invalid time in force '{order.tif}'.")
    if order.order_type in AT_CLOSE and order.tif != "DAY":
        return Refusal(113, "The TIF should be DAY for MOC and LOC orders.")
    if order.tif == "OPG" and order.order_type not in {"MKT", "LMT"}:
        return Refusal(111, f"The order type {order.order_type} and the TIF {order.tif} are incompatible.")
    return None


def _not_simulated(asked: Asked) -> Refusal | None:
    named = [name for name in _NOT_SIMULATED if getattr(asked.order, name)]
    if asked.listing.contract.sec_type == "BAG":
        named.append("combo")
    if named:
        return Refusal(201, f"Order rejected - reason: {', '.join(named)} is not simulated by this gateway.")
    return None


def _size(asked: Asked) -> Refusal | None:
    quantity, listing = asked.order.total_quantity, asked.listing
    if quantity == 0:
        return Refusal(434, "The order size cannot be zero.")
    if quantity < listing.min_size:
        return Refusal(388, f"Order size {quantity} is smaller than the minimum required size of {listing.min_size}.")
    if quantity % listing.size_increment or not listing.instrument.is_on_lot(quantity):
        return Refusal(355, f"Order size {quantity} does not conform to market rule: multiples of "
                            f"{listing.size_increment}.")
    limit = asked.settings.presets.size
    if limit is not None and quantity > limit:
        return Refusal(383, f"The size value {quantity} exceeds the size limit of {limit} in the order presets.")
    return None


def _prices(asked: Asked) -> Refusal | None:
    """Refuse a price that is missing or off the price steps, and a trail without exactly one distance."""
    order = asked.order
    prices = []
    if order.order_type in WITH_LIMIT:
        prices.append(order.lmt_price)
    if order.order_type in WITH_STOP:
        prices.append(order.aux_price)
    if order.order_type == "TRAIL":
        if bool(order.trailing_percent) == bool(order.aux_price):
            return Refusal(321, "Error validating request: a trailing stop takes an amount or a percentage.")
        if order.trailing_percent is not None and not 0 <= order.trailing_percent < 100:
            return Refusal(321, f"Error validating request: trailing percent is {order.trailing_percent}.")
        prices += [p for p in (order.aux_price, order.trail_stop_price) if p]
    for price in prices:
        if price is None:
            return Refusal(321, f"Error validating request: a price of the {order.order_type} order is missing.")
        if not _is_on_step(asked.listing, price):
            return Refusal(110, f"The price {price} does not conform to the minimum price variation for this contract.")
    return None


def _good_till(asked: Asked) -> Refusal | None:
    if asked.order.tif != "GTD":
        return None
    try:
        ends_ns = good_till_ns(asked.order.good_till_date, asked.settings.time_zone)
    except TimeError as error:
        return Refusal(334, f"Invalid Good Till Date order: {error}")
    if ends_ns <= asked.now_ns:
        return Refusal(334, f"Invalid Good Till Date order: {asked.order.good_till_date} has passed.")
    return None


def _auction(asked: Asked) -> Refusal | None:
    """Refuse an order for an auction of which none is still to come."""
    order, sessions = asked.order, asked.listing.liquid_sessions
    if order.order_type not in AT_CLOSE and order.tif != "OPG":
        return None
    if not sessions.opens_ns:
        return Refusal(387, f"Unsupported order type for this exchange and security type: "
                            f"'{order.order_type} {order.tif}': the market never opens or closes.")
    times = sessions.closes_ns if order.order_type in AT_CLOSE else sessions.opens_ns
    cutoff_ns = asked.settings.auction_cutoff_s * 10**9 if order.order_type in AT_CLOSE else 0
    due_ns = next((t for t in times if t > asked.now_ns), None)
    if due_ns is None:
        return Refusal(201, "Order rejected - reason: no further auction is known.")
    if due_ns - cutoff_ns <= asked.now_ns and sessions.is_open(asked.now_ns):
        return Refusal(201, "Order rejected - reason: too late for the auction.")
    return None


def _precautions(asked: Asked) -> Refusal | None:
    """Refuse prices beyond the market, on the side that costs, by more than the presets allow."""
    order, presets = asked.order, asked.settings.presets
    if presets.price_percent is None and presets.ticks is None:
        return None
    if order.override_percentage_constraints:
        return None
    named = [(order.lmt_price, 163)] if order.order_type in WITH_LIMIT else []
    named += [(order.aux_price, 109)] if order.order_type in WITH_STOP else []
    for price, code in named:
        if asked.price is None:
            return Refusal(164, "There is no market data to check price percent violations.")
        assert price is not None, "prices were checked before"
        beyond = (price - asked.price) * (1 if order.action == "BUY" else -1)
        if presets.price_percent is not None and beyond * 100 > presets.price_percent * asked.price:
            return Refusal(code, f"The price {price} would violate the percentage constraint of "
                                 f"{presets.price_percent} % in the order presets.")
        if presets.ticks is not None and beyond > presets.ticks * asked.listing.instrument.tick:
            return Refusal(382, f"The price {price} violates the constraint of {presets.ticks} ticks in the presets.")
    return None


def _is_on_step(listing: Listing, price: Decimal) -> bool:
    """Tell whether a price is above 0 and a whole number of the steps of its band."""
    bands = [band for band in listing.increments if band.low_edge <= price]
    if price <= 0 or not bands:
        return False
    step = max(bands, key=lambda band: band.low_edge).increment
    return price % step == 0 and listing.instrument.is_on_tick(price)


def good_till_ns(text: str, time_zone: str) -> int:
    """Return when a GTD order ends: at the time, or with the day where only that is given. ``TimeError`` for others."""
    zone = zone_of(time_zone)
    if len(text) == 8 and text.isdecimal():
        return parse_moment(f"{text} 23:59:59", zone) + 10**9
    return parse_moment(text, zone)


_RULES: Iterable[Rule] = (
    _account, _kind, _not_simulated, _size, _prices, _good_till, _auction, _precautions,
)
