"""Contracts and orders of every shape that the layouts know."""

from decimal import Decimal

import msgspec

from algotrade.ibkr.wire.records import ComboLeg, Condition, Contract, LegPrice, Order, TagValue

D = Decimal

STOCK = Contract(
    con_id=265598, symbol="AAPL", sec_type="STK", exchange="SMART", primary_exchange="NASDAQ", currency="USD",
    local_symbol="AAPL", trading_class="NMS")
FUTURE = Contract(
    con_id=495512557, symbol="ES", sec_type="FUT", last_trade_date="20261218", multiplier="50", exchange="CME",
    currency="USD", local_symbol="ESZ6", trading_class="ES", include_expired=True, sec_id_type="ISIN",
    sec_id="US0378331005", issuer_id="e1234567")
OPTION = Contract(
    con_id=11, symbol="AAPL", sec_type="OPT", last_trade_date="20261218", strike=D("150.5"), right="C",
    multiplier="100", exchange="SMART", currency="USD", local_symbol="AAPL  261218C00150500", trading_class="AAPL")
COMBO = Contract(
    symbol="AAPL", sec_type="BAG", exchange="SMART", currency="USD",
    combo_legs=(ComboLeg(con_id=1, ratio=1, action="BUY", exchange="SMART"),
                ComboLeg(con_id=2, ratio=2, action="SELL", exchange="SMART")))
LEGS = msgspec.structs.replace(COMBO, combo_legs=(
    ComboLeg(con_id=1, ratio=1, action="BUY", exchange="SMART", open_close=1, short_sale_slot=2,
             designated_location="X", exempt_code=3), *COMBO.combo_legs[1:]))
ATS = msgspec.structs.replace(STOCK, exchange="IBKRATS")

LIMIT = Order(action="BUY", total_quantity=D(100), order_type="LMT", lmt_price=D("150.25"), tif="DAY", account="DU1",
              order_ref="a-1", display_size=0)


def like(**changes):
    return msgspec.structs.replace(LIMIT, **changes)


CONDITIONS = (
    Condition(kind=1, conjunction="a", is_more=True, price=D("140.5"), con_id=265598, exchange="SMART",
              trigger_method=2),
    Condition(kind=3, conjunction="o", is_more=False, time="20261218 15:00:00"),
    Condition(kind=4, conjunction="a", is_more=True, percent=15),
    Condition(kind=5, conjunction="o", symbol="MSFT", sec_type="STK", exchange="SMART"),
    Condition(kind=6, conjunction="a", is_more=True, volume=100000, con_id=8314, exchange="ARCA"),
    Condition(kind=7, conjunction="a", is_more=False, change_percent=D("2.5"), con_id=756733, exchange="SMART"),
)

ORDERS: dict[str, tuple[Contract, Order]] = {
    "limit": (STOCK, LIMIT),
    "market": (STOCK, like(order_type="MKT", lmt_price=None, action="SELL")),
    "stop": (STOCK, like(order_type="STP", lmt_price=None, aux_price=D("140.75"), tif="GTC", outside_rth=True)),
    "stop limit": (FUTURE, like(order_type="STP LMT", aux_price=D("140.75"), trigger_method=4)),
    "trail": (STOCK, like(order_type="TRAIL", lmt_price=None, aux_price=D("1.5"), trail_stop_price=D("149.5"))),
    "trail percent": (STOCK, like(order_type="TRAIL LIMIT", lmt_price=None, trailing_percent=D("2.5"),
                                  lmt_price_offset=D("0.1"), trail_stop_price=D(148))),
    "good till date": (STOCK, like(tif="GTD", good_till_date="20261218 16:00:00", good_after_time="20261217 09:30:00")),
    "bracket, parent": (STOCK, like(transmit=False)),
    "bracket, child": (STOCK, like(action="SELL", parent_id=1000, transmit=True, oca_group="b", oca_type=3)),
    "one cancels all": (STOCK, like(oca_group="g1", oca_type=1)),
    "iceberg": (STOCK, like(display_size=10, hidden=True, min_qty=5, all_or_none=True, block_order=True,
                            sweep_to_fill=True)),
    "option": (OPTION, like(open_close="O", origin=1)),
    "short sale": (STOCK, like(action="SSHORT", short_sale_slot=2, designated_location="DL", exempt_code=1)),
    "adviser": (STOCK, like(fa_group="G", fa_method="PctChange", fa_percentage="20", fa_profile="P", model_code="M")),
    "combo": (COMBO, LIMIT),
    "combo, prices by leg": (LEGS, like(
        lmt_price=None, leg_prices=(LegPrice(price=D("1.25")), LegPrice(price=None)),
        smart_combo_routing=(TagValue(tag="NonGuaranteed", value="1"), TagValue(tag="x", value="")))),
    "algo": (STOCK, like(algo_strategy="Adaptive", algo_id="7",
                         algo_params=(TagValue(tag="adaptivePriority", value="Normal"),))),
    "algo without parameters": (STOCK, like(algo_strategy="Vwap")),
    "conditions": (STOCK, like(conditions=CONDITIONS, conditions_ignore_rth=True, conditions_cancel_order=True)),
    **{f"condition {c.kind}": (STOCK, like(conditions=(c,))) for c in CONDITIONS},
    "scale": (STOCK, like(scale_init_level_size=10, scale_subs_level_size=5, scale_price_increment=D("0.05"),
                          scale_price_adjust_value=D("0.1"), scale_price_adjust_interval=60,
                          scale_profit_offset=D("0.2"), scale_auto_reset=True, scale_init_position=3,
                          scale_init_fill_qty=2, scale_random_percent=True, scale_table="t", active_start_time="s",
                          active_stop_time="e")),
    "scale without steps": (STOCK, like(scale_init_level_size=10, scale_price_increment=D(0))),
    "hedge": (STOCK, like(hedge_type="D", hedge_param="0.5", dont_use_auto_price_for_hedge=True)),
    "pegged to benchmark": (STOCK, like(
        order_type="PEG BENCH", reference_contract_id=756733, is_pegged_change_amount_decrease=True,
        pegged_change_amount=D("0.5"), reference_change_amount=D("0.25"), reference_exchange_id="ARCA",
        starting_price=D(150), stock_ref_price=D("149.5"), stock_range_lower=D(100), stock_range_upper=D(200))),
    "pegged to benchmark, other spelling": (STOCK, like(order_type="PEGBENCH", reference_contract_id=756733)),
    "pegged to best": (STOCK, like(order_type="PEG BEST", min_compete_size=100,
                                   compete_against_best_offset=D("0.02"))),
    "pegged to best up to mid": (ATS, like(
        order_type="PEG BEST", min_trade_qty=10, min_compete_size=100, compete_against_best_offset=D("Infinity"),
        mid_offset_at_whole=D("0.01"), mid_offset_at_half=D("0.005"))),
    "pegged to mid": (ATS, like(order_type="PEG MID", min_trade_qty=10, mid_offset_at_whole=D(0),
                                mid_offset_at_half=D("0.005"))),
    "delta neutral": (STOCK, like(
        order_type="VOL", lmt_price=None, volatility=D("0.3"), volatility_type=2, delta_neutral_order_type="LMT",
        delta_neutral_aux_price=D(1), delta_neutral_con_id=5, delta_neutral_settling_firm="f",
        delta_neutral_clearing_account="c", delta_neutral_clearing_intent="i", delta_neutral_open_close="O",
        delta_neutral_short_sale=True, delta_neutral_short_sale_slot=1, delta_neutral_designated_location="d",
        continuous_update=True, reference_price_type=1)),
    "delta neutral contract": (msgspec.structs.replace(
        COMBO, is_delta_neutral=True, delta_neutral_con_id=9, delta_neutral_delta=D("0.5"),
        delta_neutral_price=D("12.25")), LIMIT),
    "what if": (STOCK, like(what_if=True)),
    "adjusted stop": (STOCK, like(
        order_type="STP", aux_price=D(140), adjusted_order_type="TRAIL", trigger_price=D(155),
        adjusted_stop_price=D(150), adjusted_stop_limit_price=D("149.5"), adjusted_trailing_amount=D("1.5"),
        adjustable_trailing_unit=1)),
    "cash": (STOCK, like(order_type="MKT", lmt_price=None, total_quantity=D(0), cash_qty=D("1000.5"))),
    "all the rest": (STOCK, like(
        discretionary_amount=D("0.1"), rule_80a="I", settling_firm="s", percent_offset=D("0.05"), e_trade_only=True,
        firm_quote_only=True, nbbo_price_cap=D(151), auction_strategy=1, override_percentage_constraints=True,
        opt_out_smart_routing=True, clearing_account="ca", clearing_intent="IB", not_held=True, solicited=True,
        randomize_size=True, randomize_price=True, ext_operator="o", soft_dollar_name="n", soft_dollar_value="v",
        mifid2_decision_maker="dm", mifid2_decision_algo="da", mifid2_execution_trader="et",
        mifid2_execution_algo="ea", is_oms_container=True, discretionary_up_to_limit_price=True,
        use_price_mgmt_algo=True, duration=60, post_to_ats=1, auto_cancel_parent=True,
        advanced_error_override="8229", manual_order_time="20261217-09:30:00", misc_options="a=b;c=d;")),
}
