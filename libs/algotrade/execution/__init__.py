"""What became of an order: state table, order manager, fill ledger, the broker port and the simulated broker."""

from algotrade.execution.broker import Broker, BrokerError, BrokerEvent, Cancel, Command, LiveBroker, Place, Replace
from algotrade.execution.journal import BrokerTold, IntentTaken, JournalEntry, JournalRecord, journal_entry
from algotrade.execution.ledger import FillLedger
from algotrade.execution.order_manager import Handling, ManagerState, OrderManager
from algotrade.execution.simulated import BrokerState, SimulatedBroker

__all__ = [
    "Broker", "BrokerError", "BrokerEvent", "BrokerState", "BrokerTold", "Cancel", "Command", "FillLedger", "Handling",
    "IntentTaken", "JournalEntry", "JournalRecord", "LiveBroker", "ManagerState", "OrderManager", "Place", "Replace",
    "SimulatedBroker", "journal_entry",
]
