"""The parts that messages share: contracts, orders and what belongs to them. Names are IB's own, in snake case.

Prices and quantities are ``Decimal``, as written; None where the field is empty.
"""

from decimal import Decimal
from typing import ClassVar

import msgspec

from algotrade.ibkr.wire.kinds import (
    ConditionKind,
    Flag,
    Int,
    Int0,
    IntMinus1,
    MaybeInt,
    MaybeNumber,
    Number,
    Number0,
    Offset,
    Text,
)
from algotrade.ibkr.wire.layout import Layout, fields, when

ZERO = Decimal(0)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of messages."""

    LAYOUT: ClassVar[Layout | None] = None


class TagValue(Part, frozen=True, kw_only=True):
    """A named value."""

    tag: Text
    value: Text


class ComboLeg(Part, frozen=True, kw_only=True):
    """A leg of a combination, as orders carry it."""

    con_id: Int
    ratio: Int
    action: Text
    exchange: Text
    open_close: Int0 = 0
    short_sale_slot: Int0 = 0
    designated_location: Text = ""
    exempt_code: IntMinus1 = -1


class LegPrice(Part, frozen=True, kw_only=True):
    """The price of a leg of its own."""

    price: MaybeNumber = None


class Contract(Part, frozen=True, kw_only=True):
    """What is traded, as IB names it.

    ``con_id`` is unique and enough; ``last_trade_date`` is a date or a month; ``strike`` is 0 where there is none.
    """

    con_id: Int0 = 0
    symbol: Text = ""
    sec_type: Text = ""
    last_trade_date: Text = ""
    strike: MaybeNumber = ZERO
    right: Text = ""
    multiplier: Text = ""
    exchange: Text = ""
    primary_exchange: Text = ""
    currency: Text = ""
    local_symbol: Text = ""
    trading_class: Text = ""
    include_expired: Flag = False
    sec_id_type: Text = ""
    sec_id: Text = ""
    issuer_id: Text = ""
    combo_legs_description: Text = ""
    combo_legs: tuple[ComboLeg, ...] = ()
    is_delta_neutral: Flag = False
    delta_neutral_con_id: Int0 = 0
    delta_neutral_delta: Number0 = ZERO
    delta_neutral_price: Number0 = ZERO


ASKED = fields(
    "con_id symbol sec_type last_trade_date strike right multiplier exchange primary_exchange currency local_symbol "
    "trading_class", "contract")
"""A contract as requests carry it."""

TOLD = fields(
    "con_id symbol sec_type last_trade_date strike right multiplier exchange currency local_symbol trading_class",
    "contract")
"""A contract as orders, executions and positions carry it."""

DELTA_NEUTRAL = (
    *fields("is_delta_neutral", "contract"),
    when("contract.is_delta_neutral",
         *fields("delta_neutral_con_id delta_neutral_delta delta_neutral_price", "contract")),
)


class Condition(Part, frozen=True, kw_only=True):
    """What an order waits for: price (1), time (3), margin (4), execution (5), volume (6), percent change (7)."""

    kind: ConditionKind
    conjunction: Text = "a"
    is_more: Flag = True
    price: MaybeNumber = None
    time: Text = ""
    percent: MaybeInt = None
    sec_type: Text = ""
    symbol: Text = ""
    volume: MaybeInt = None
    change_percent: MaybeNumber = None
    con_id: Int0 = 0
    exchange: Text = ""
    trigger_method: Int0 = 0

    LAYOUT: ClassVar[Layout | None] = (
        *fields("kind conjunction"),
        when("kind", *fields("sec_type exchange symbol"), test="x == 5"),
        when("kind", *fields("is_more"), test="x != 5"),
        when("kind", *fields("price con_id exchange trigger_method"), test="x == 1"),
        when("kind", *fields("time"), test="x == 3"),
        when("kind", *fields("percent"), test="x == 4"),
        when("kind", *fields("volume con_id exchange"), test="x == 6"),
        when("kind", *fields("change_percent con_id exchange"), test="x == 7"),
    )


class Order(Part, frozen=True, kw_only=True):
    """An order, with everything that the wire carries of one; most of it is empty for most orders.

    ``lmt_price`` and ``aux_price`` (a stop's price, a trail's amount) belong to the types that use them.
    ``transmit`` False holds it back until another of its bracket is sent. Only a part goes into each message.
    """

    action: Text = ""
    total_quantity: Number0 = ZERO
    order_type: Text = ""
    lmt_price: MaybeNumber = None
    aux_price: MaybeNumber = None
    tif: Text = ""
    oca_group: Text = ""
    account: Text = ""
    open_close: Text = ""
    origin: Int0 = 0
    order_ref: Text = ""
    client_id: Int0 = 0
    perm_id: Int0 = 0
    transmit: Flag = True
    parent_id: Int0 = 0
    block_order: Flag = False
    sweep_to_fill: Flag = False
    display_size: MaybeInt = 0
    trigger_method: Int0 = 0
    outside_rth: Flag = False
    hidden: Flag = False
    leg_prices: tuple[LegPrice, ...] = ()
    smart_combo_routing: tuple[TagValue, ...] = ()
    discretionary_amount: MaybeNumber = ZERO
    good_after_time: Text = ""
    good_till_date: Text = ""
    fa_group: Text = ""
    fa_method: Text = ""
    fa_percentage: Text = ""
    fa_profile: Text = ""
    model_code: Text = ""
    short_sale_slot: Int0 = 0
    designated_location: Text = ""
    exempt_code: IntMinus1 = -1
    oca_type: Int0 = 0
    rule_80a: Text = ""
    settling_firm: Text = ""
    all_or_none: Flag = False
    min_qty: MaybeInt = None
    percent_offset: MaybeNumber = None
    e_trade_only: Flag = False
    firm_quote_only: Flag = False
    nbbo_price_cap: MaybeNumber = None
    auction_strategy: MaybeInt = 0
    starting_price: MaybeNumber = None
    stock_ref_price: MaybeNumber = None
    delta: MaybeNumber = None
    stock_range_lower: MaybeNumber = None
    stock_range_upper: MaybeNumber = None
    override_percentage_constraints: Flag = False
    volatility: MaybeNumber = None
    volatility_type: MaybeInt = None
    delta_neutral_order_type: Text = ""
    delta_neutral_aux_price: MaybeNumber = None
    delta_neutral_con_id: MaybeInt = 0
    delta_neutral_settling_firm: Text = ""
    delta_neutral_clearing_account: Text = ""
    delta_neutral_clearing_intent: Text = ""
    delta_neutral_open_close: Text = ""
    delta_neutral_short_sale: Flag = False
    delta_neutral_short_sale_slot: MaybeInt = 0
    delta_neutral_designated_location: Text = ""
    continuous_update: Flag = False
    reference_price_type: MaybeInt = None
    trail_stop_price: MaybeNumber = None
    trailing_percent: MaybeNumber = None
    basis_points: MaybeNumber = None
    basis_points_type: MaybeInt = None
    scale_init_level_size: MaybeInt = None
    scale_subs_level_size: MaybeInt = None
    scale_price_increment: MaybeNumber = None
    scale_price_adjust_value: MaybeNumber = None
    scale_price_adjust_interval: MaybeInt = None
    scale_profit_offset: MaybeNumber = None
    scale_auto_reset: Flag = False
    scale_init_position: MaybeInt = None
    scale_init_fill_qty: MaybeInt = None
    scale_random_percent: Flag = False
    scale_table: Text = ""
    active_start_time: Text = ""
    active_stop_time: Text = ""
    hedge_type: Text = ""
    hedge_param: Text = ""
    opt_out_smart_routing: Flag = False
    clearing_account: Text = ""
    clearing_intent: Text = ""
    not_held: Flag = False
    algo_strategy: Text = ""
    algo_params: tuple[TagValue, ...] = ()
    algo_id: Text = ""
    what_if: Flag = False
    misc_options: Text = ""
    solicited: Flag = False
    randomize_size: Flag = False
    randomize_price: Flag = False
    reference_contract_id: MaybeInt = 0
    is_pegged_change_amount_decrease: Flag = False
    pegged_change_amount: MaybeNumber = ZERO
    reference_change_amount: MaybeNumber = ZERO
    reference_exchange_id: Text = ""
    conditions: tuple[Condition, ...] = ()
    conditions_ignore_rth: Flag = False
    conditions_cancel_order: Flag = False
    adjusted_order_type: Text = ""
    trigger_price: MaybeNumber = None
    lmt_price_offset: MaybeNumber = None
    adjusted_stop_price: MaybeNumber = None
    adjusted_stop_limit_price: MaybeNumber = None
    adjusted_trailing_amount: MaybeNumber = None
    adjustable_trailing_unit: MaybeInt = 0
    ext_operator: Text = ""
    soft_dollar_name: Text = ""
    soft_dollar_value: Text = ""
    soft_dollar_display_name: Text = ""
    cash_qty: MaybeNumber = None
    mifid2_decision_maker: Text = ""
    mifid2_decision_algo: Text = ""
    mifid2_execution_trader: Text = ""
    mifid2_execution_algo: Text = ""
    dont_use_auto_price_for_hedge: Flag = False
    is_oms_container: Flag = False
    discretionary_up_to_limit_price: Flag = False
    use_price_mgmt_algo: Flag = False
    duration: MaybeInt = None
    post_to_ats: MaybeInt = None
    auto_cancel_parent: Flag = False
    advanced_error_override: Text = ""
    manual_order_time: Text = ""
    min_trade_qty: MaybeInt = None
    min_compete_size: MaybeInt = None
    compete_against_best_offset: Offset = None
    mid_offset_at_whole: MaybeNumber = None
    mid_offset_at_half: MaybeNumber = None
    auto_cancel_date: Text = ""
    filled_quantity: MaybeNumber = None
    ref_futures_con_id: MaybeInt = 0
    shareholder: Text = ""
    imbalance_only: Flag = False
    route_marketable_to_bbo: Flag = False
    parent_perm_id: MaybeInt = 0


class OrderState(Part, frozen=True, kw_only=True):
    """What the server says beside an order: its status, and of a what-if order what it would cost."""

    status: Text = ""
    init_margin_before: Text = ""
    maint_margin_before: Text = ""
    equity_with_loan_before: Text = ""
    init_margin_change: Text = ""
    maint_margin_change: Text = ""
    equity_with_loan_change: Text = ""
    init_margin_after: Text = ""
    maint_margin_after: Text = ""
    equity_with_loan_after: Text = ""
    commission: MaybeNumber = None
    min_commission: MaybeNumber = None
    max_commission: MaybeNumber = None
    commission_currency: Text = ""
    warning_text: Text = ""
    completed_time: Text = ""
    completed_status: Text = ""


class Execution(Part, frozen=True, kw_only=True):
    """One execution. ``time`` is text in the server's zone; ``exec_id`` ends in its correction's number."""

    exec_id: Text
    time: Text
    account: Text
    exchange: Text
    side: Text
    shares: Number
    price: Number
    perm_id: Int0
    client_id: Int0
    liquidation: Int0 = 0
    cum_qty: Number = ZERO
    avg_price: Number = ZERO
    order_ref: Text = ""
    ev_rule: Text = ""
    ev_multiplier: MaybeNumber = None
    model_code: Text = ""
    last_liquidity: Int0 = 0
    pending_price_revision: Flag = False
