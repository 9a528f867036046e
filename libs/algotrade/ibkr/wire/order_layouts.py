"""The three long layouts of an order: as it is placed, as it is told while open, and when it is done."""

from algotrade.ibkr.wire.layout import Constant, Layout, Many, Rest, before, fields, since, when
from algotrade.ibkr.wire.records import ASKED, DELTA_NEUTRAL, TOLD

_PEGGED_TO_BENCHMARK = when(
    "order.order_type",
    *fields("reference_contract_id is_pegged_change_amount_decrease pegged_change_amount reference_change_amount "
            "reference_exchange_id", "order"),
    test="x in ('PEG BENCH', 'PEGBENCH')")

_CONDITIONS = (
    Many("order.conditions"),
    when("order.conditions", *fields("conditions_ignore_rth conditions_cancel_order", "order")),
)

_SCALE_STEPS = when(
    "order.scale_price_increment",
    *fields("scale_price_adjust_value scale_price_adjust_interval scale_profit_offset scale_auto_reset "
            "scale_init_position scale_init_fill_qty scale_random_percent", "order"),
    test="x is not None and x > 0")

_HEDGE = (*fields("hedge_type", "order"), when("order.hedge_type", *fields("hedge_param", "order")))

_ALGO = (*fields("algo_strategy", "order"), when("order.algo_strategy", Many("order.algo_params")))

_OFFSETS = fields("mid_offset_at_whole mid_offset_at_half", "order")

PLACED: Layout = (
    *fields("order_id"),
    *ASKED,
    *fields("sec_id_type sec_id", "contract"),
    *fields("action total_quantity order_type lmt_price aux_price tif oca_group account open_close origin order_ref "
            "transmit parent_id block_order sweep_to_fill display_size trigger_method outside_rth hidden", "order"),
    when("contract.sec_type", Many("contract.combo_legs"), Many("order.leg_prices"), Many("order.smart_combo_routing"),
         test="x == 'BAG'"),
    Constant(""),  # once a share of the account
    *fields("discretionary_amount good_after_time good_till_date fa_group fa_method fa_percentage", "order"),
    before(177, *fields("fa_profile", "order")),
    *fields("model_code short_sale_slot designated_location exempt_code oca_type rule_80a settling_firm all_or_none "
            "min_qty percent_offset e_trade_only firm_quote_only nbbo_price_cap auction_strategy starting_price "
            "stock_ref_price delta stock_range_lower stock_range_upper override_percentage_constraints volatility "
            "volatility_type delta_neutral_order_type delta_neutral_aux_price", "order"),
    when("order.delta_neutral_order_type",
         *fields("delta_neutral_con_id delta_neutral_settling_firm delta_neutral_clearing_account "
                 "delta_neutral_clearing_intent delta_neutral_open_close delta_neutral_short_sale "
                 "delta_neutral_short_sale_slot delta_neutral_designated_location", "order")),
    *fields("continuous_update reference_price_type trail_stop_price trailing_percent scale_init_level_size "
            "scale_subs_level_size scale_price_increment", "order"),
    _SCALE_STEPS,
    *fields("scale_table active_start_time active_stop_time", "order"),
    *_HEDGE,
    *fields("opt_out_smart_routing clearing_account clearing_intent not_held", "order"),
    *DELTA_NEUTRAL,
    *_ALGO,
    *fields("algo_id what_if misc_options solicited randomize_size randomize_price", "order"),
    _PEGGED_TO_BENCHMARK,
    *_CONDITIONS,
    *fields("adjusted_order_type trigger_price lmt_price_offset adjusted_stop_price adjusted_stop_limit_price "
            "adjusted_trailing_amount adjustable_trailing_unit ext_operator soft_dollar_name soft_dollar_value "
            "cash_qty mifid2_decision_maker mifid2_decision_algo mifid2_execution_trader mifid2_execution_algo "
            "dont_use_auto_price_for_hedge is_oms_container discretionary_up_to_limit_price use_price_mgmt_algo",
            "order"),
    since(158, *fields("duration", "order")),
    since(160, *fields("post_to_ats", "order")),
    since(162, *fields("auto_cancel_parent", "order")),
    since(166, *fields("advanced_error_override", "order")),
    since(169, *fields("manual_order_time", "order")),
    since(
        170,
        when("contract.exchange", *fields("min_trade_qty", "order"), test="x == 'IBKRATS'"),
        when("order.order_type",
             *fields("min_compete_size compete_against_best_offset", "order"),
             when("order.compete_against_best_offset", *_OFFSETS, test="x is not None and x.is_infinite()"),
             test="x in ('PEG BEST', 'PEGBEST')"),
        when("order.order_type", *_OFFSETS, test="x in ('PEG MID', 'PEGMID')"),
    ),
)
"""3 from a client."""

OPEN: Layout = (
    *fields("order_id"),
    *TOLD,
    *fields("action total_quantity order_type lmt_price aux_price tif oca_group account open_close origin order_ref "
            "client_id perm_id outside_rth hidden discretionary_amount good_after_time", "order"),
    Constant(""),
    *fields("fa_group fa_method fa_percentage", "order"),
    before(177, *fields("fa_profile", "order")),
    *fields("model_code good_till_date rule_80a percent_offset settling_firm short_sale_slot designated_location "
            "exempt_code auction_strategy starting_price stock_ref_price delta stock_range_lower stock_range_upper "
            "display_size block_order sweep_to_fill all_or_none min_qty oca_type e_trade_only firm_quote_only "
            "nbbo_price_cap parent_id trigger_method volatility volatility_type delta_neutral_order_type "
            "delta_neutral_aux_price", "order"),
    when("order.delta_neutral_order_type",
         *fields("delta_neutral_con_id delta_neutral_settling_firm delta_neutral_clearing_account "
                 "delta_neutral_clearing_intent delta_neutral_open_close delta_neutral_short_sale "
                 "delta_neutral_short_sale_slot delta_neutral_designated_location", "order")),
    *fields("continuous_update reference_price_type trail_stop_price trailing_percent basis_points "
            "basis_points_type", "order"),
    *fields("combo_legs_description", "contract"),
    Many("contract.combo_legs"),
    Many("order.leg_prices"),
    Many("order.smart_combo_routing"),
    *fields("scale_init_level_size scale_subs_level_size scale_price_increment", "order"),
    _SCALE_STEPS,
    *_HEDGE,
    *fields("opt_out_smart_routing clearing_account clearing_intent not_held", "order"),
    *DELTA_NEUTRAL,
    *_ALGO,
    *fields("solicited what_if", "order"),
    *fields("status init_margin_before maint_margin_before equity_with_loan_before init_margin_change "
            "maint_margin_change equity_with_loan_change init_margin_after maint_margin_after equity_with_loan_after "
            "commission min_commission max_commission commission_currency warning_text", "state"),
    *fields("randomize_size randomize_price", "order"),
    _PEGGED_TO_BENCHMARK,
    *_CONDITIONS,
    *fields("adjusted_order_type trigger_price", "order"),
    *fields("adjusted_trail_stop_price"),
    *fields("lmt_price_offset adjusted_stop_price adjusted_stop_limit_price adjusted_trailing_amount "
            "adjustable_trailing_unit soft_dollar_name soft_dollar_value soft_dollar_display_name cash_qty "
            "dont_use_auto_price_for_hedge is_oms_container discretionary_up_to_limit_price use_price_mgmt_algo",
            "order"),
    since(159, *fields("duration", "order")),
    since(160, *fields("post_to_ats", "order")),
    since(162, *fields("auto_cancel_parent", "order")),
    since(170, *fields("min_trade_qty min_compete_size compete_against_best_offset mid_offset_at_whole "
                       "mid_offset_at_half", "order")),
    Rest(),
)
"""5 from the server."""

COMPLETED: Layout = (
    *TOLD,
    *fields("action total_quantity order_type lmt_price aux_price tif oca_group account open_close origin order_ref "
            "perm_id outside_rth hidden discretionary_amount good_after_time fa_group fa_method fa_percentage",
            "order"),
    before(177, *fields("fa_profile", "order")),
    *fields("model_code good_till_date rule_80a percent_offset settling_firm short_sale_slot designated_location "
            "exempt_code starting_price stock_ref_price delta stock_range_lower stock_range_upper display_size "
            "sweep_to_fill all_or_none min_qty oca_type trigger_method volatility volatility_type "
            "delta_neutral_order_type delta_neutral_aux_price", "order"),
    when("order.delta_neutral_order_type",
         *fields("delta_neutral_con_id delta_neutral_short_sale delta_neutral_short_sale_slot "
                 "delta_neutral_designated_location", "order")),
    *fields("continuous_update reference_price_type trail_stop_price trailing_percent", "order"),
    *fields("combo_legs_description", "contract"),
    Many("contract.combo_legs"),
    Many("order.leg_prices"),
    Many("order.smart_combo_routing"),
    *fields("scale_init_level_size scale_subs_level_size scale_price_increment", "order"),
    _SCALE_STEPS,
    *_HEDGE,
    *fields("clearing_account clearing_intent not_held", "order"),
    *DELTA_NEUTRAL,
    *_ALGO,
    *fields("solicited", "order"),
    *fields("status", "state"),
    *fields("randomize_size randomize_price", "order"),
    _PEGGED_TO_BENCHMARK,
    *_CONDITIONS,
    *fields("adjusted_trail_stop_price"),
    *fields("lmt_price_offset cash_qty dont_use_auto_price_for_hedge is_oms_container auto_cancel_date "
            "filled_quantity ref_futures_con_id auto_cancel_parent shareholder imbalance_only route_marketable_to_bbo "
            "parent_perm_id", "order"),
    *fields("completed_time completed_status", "state"),
    since(170, *fields("min_trade_qty min_compete_size compete_against_best_offset mid_offset_at_whole "
                       "mid_offset_at_half", "order")),
    Rest(),
)
"""101 from the server: neither order id nor client id are told."""
