"""The broker's metrics."""

from collections import Counter

from algotrade.execution.ibkr.codes import Hint
from algotrade.execution.ibkr.executions import Executions
from algotrade.execution.ibkr.foreign import Foreign
from algotrade.execution.ibkr.orders import BrokerOrders
from algotrade.telemetry.metrics import Samples

EVENTS = (
    "orders_lost", "orders_not_found", "ended_but_open", "splits", "fills_missing", "states_overtaken",
    "states_not_known", "terms_differ", "statuses_of_nobody", "executions_repeated", "executions_set_aside",
    "times_unread", "commissions_late", "commissions_other_currency", "foreign_orders", "foreign_executions",
    "liquidations", "foreign_orders_forgotten", "positions_forgotten", "competing_sessions", "order_ids_rolled_back",
    "looks", "looks_failed", "positions_moved", "positions_unexplained",
)
"""What is counted, by its name."""


def samples_of(counts: Counter[str], orders: BrokerOrders, foreign: Foreign, executions: Executions) -> Samples:
    """Return the metrics as they are."""
    open_orders = orders.open()
    return {
        "algotrade_ibkr_order_events_total": {(name,): counts[name] for name in EVENTS},
        "algotrade_ibkr_order_codes_total": {
            (hint.name.lower(),): counts["hint_" + hint.name.lower()] for hint in Hint},
        "algotrade_ibkr_orders_unknown": sum(order.is_lost for order in open_orders),
        "algotrade_ibkr_orders_split": len(orders.split()),
        "algotrade_ibkr_foreign_orders": len(foreign.orders),
        "algotrade_ibkr_executions_uncosted": executions.uncosted,
    }
