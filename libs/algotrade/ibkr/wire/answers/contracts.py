"""Contracts: what they are and how they may be priced."""

from typing import ClassVar

from algotrade.ibkr.wire.kinds import (
    Escaped,
    Flag,
    Int,
    Int0,
    Int1,
    MaybeInt,
    MaybeNumber,
    Number,
    Number0,
    Text,
)
from algotrade.ibkr.wire.layout import Constant, Layout, Many, Rest, before, fields, since
from algotrade.ibkr.wire.message import Answer
from algotrade.ibkr.wire.records import ZERO, Contract, Part, TagValue


class ContractData(Answer, frozen=True, kw_only=True):
    """What is known of a contract; ``ContractDataEnd`` follows the last that fits."""

    ID: ClassVar[int] = 10
    req_id: Int
    contract: Contract
    market_name: Text = ""
    min_tick: Number0 = ZERO
    order_types: Text = ""
    valid_exchanges: Text = ""
    price_magnifier: Int1 = 1
    under_con_id: Int0 = 0
    long_name: Escaped = ""
    contract_month: Text = ""
    industry: Text = ""
    category: Text = ""
    subcategory: Text = ""
    time_zone_id: Text = ""
    trading_hours: Text = ""
    liquid_hours: Text = ""
    ev_rule: Text = ""
    ev_multiplier: MaybeNumber = None
    sec_ids: tuple[TagValue, ...] = ()
    agg_group: MaybeInt = None
    under_symbol: Text = ""
    under_sec_type: Text = ""
    market_rule_ids: Text = ""
    real_expiration_date: Text = ""
    stock_type: Text = ""
    min_size: MaybeNumber = None
    size_increment: MaybeNumber = None
    suggested_size_increment: MaybeNumber = None
    LAYOUT: ClassVar[Layout | None] = (
        before(164, Constant("8")),
        *fields("req_id"),
        *fields("symbol sec_type last_trade_date strike right exchange currency local_symbol", "contract"),
        *fields("market_name"),
        *fields("trading_class con_id", "contract"),
        *fields("min_tick"),
        before(164, Constant("1")),
        *fields("multiplier", "contract"),
        *fields("order_types valid_exchanges price_magnifier under_con_id long_name"),
        *fields("primary_exchange", "contract"),
        *fields("contract_month industry category subcategory time_zone_id trading_hours liquid_hours ev_rule "
                "ev_multiplier"),
        Many("sec_ids"),
        *fields("agg_group under_symbol under_sec_type market_rule_ids real_expiration_date stock_type"),
        since(163, before(164, *fields("suggested_size_increment"))),
        since(164, *fields("min_size size_increment suggested_size_increment")),
        Rest(),
    )


class BondContractData(Answer, frozen=True, kw_only=True):
    """What is known of a bond."""

    ID: ClassVar[int] = 18
    req_id: Int
    contract: Contract
    cusip: Text = ""
    coupon: MaybeNumber = None
    issue_date: Text = ""
    ratings: Text = ""
    bond_type: Text = ""
    coupon_type: Text = ""
    is_convertible: Flag = False
    is_callable: Flag = False
    is_putable: Flag = False
    description: Text = ""
    market_name: Text = ""
    min_tick: Number0 = ZERO
    order_types: Text = ""
    valid_exchanges: Text = ""
    next_option_date: Text = ""
    next_option_type: Text = ""
    next_option_partial: Flag = False
    notes: Text = ""
    long_name: Text = ""
    ev_rule: Text = ""
    ev_multiplier: MaybeNumber = None
    sec_ids: tuple[TagValue, ...] = ()
    agg_group: MaybeInt = None
    market_rule_ids: Text = ""
    min_size: MaybeNumber = None
    size_increment: MaybeNumber = None
    suggested_size_increment: MaybeNumber = None
    LAYOUT: ClassVar[Layout | None] = (
        before(164, Constant("6")),
        *fields("req_id"),
        *fields("symbol sec_type", "contract"),
        *fields("cusip coupon"),
        *fields("last_trade_date", "contract"),
        *fields("issue_date ratings bond_type coupon_type is_convertible is_callable is_putable description"),
        *fields("exchange currency", "contract"),
        *fields("market_name"),
        *fields("trading_class con_id", "contract"),
        *fields("min_tick"),
        before(164, Constant("1")),
        *fields("order_types valid_exchanges next_option_date next_option_type next_option_partial notes long_name "
                "ev_rule ev_multiplier"),
        Many("sec_ids"),
        *fields("agg_group market_rule_ids"),
        since(164, *fields("min_size size_increment suggested_size_increment")),
        Rest(),
    )


class ContractDataEnd(Answer, frozen=True, kw_only=True):
    """No more contracts fit."""

    ID: ClassVar[int] = 52
    VERSION: ClassVar[int | None] = 1
    req_id: Int


class PriceIncrement(Part, frozen=True, kw_only=True):
    """From ``low_edge`` on, prices are multiples of ``increment``."""

    low_edge: Number
    increment: Number


class MarketRule(Answer, frozen=True, kw_only=True):
    """The price steps of a market."""

    ID: ClassVar[int] = 93
    market_rule_id: Int
    increments: tuple[PriceIncrement, ...]


class SymbolSample(Part, frozen=True, kw_only=True):
    """A contract whose symbol or name fits a pattern."""

    con_id: Int
    symbol: Text
    sec_type: Text
    primary_exchange: Text
    currency: Text
    derivative_sec_types: tuple[Text, ...] = ()
    description: Text = ""
    issuer_id: Text = ""
    LAYOUT: ClassVar[Layout | None] = (
        *fields("con_id symbol sec_type primary_exchange currency"), Many("derivative_sec_types"),
        since(176, *fields("description issuer_id")))


class SymbolSamples(Answer, frozen=True, kw_only=True):
    """The contracts that fit a pattern."""

    ID: ClassVar[int] = 79
    req_id: Int
    samples: tuple[SymbolSample, ...]


class OptionParameters(Answer, frozen=True, kw_only=True):
    """The options on an underlying at one exchange."""

    ID: ClassVar[int] = 75
    req_id: Int
    exchange: Text
    under_con_id: Int0
    trading_class: Text
    multiplier: Text
    expirations: tuple[Text, ...]
    strikes: tuple[Number, ...]


class OptionParametersEnd(Answer, frozen=True, kw_only=True):
    """No more exchanges."""

    ID: ClassVar[int] = 76
    req_id: Int
