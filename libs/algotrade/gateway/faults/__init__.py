"""Faults on command: what brokers, links and farms do on bad days, by scenario file or over the control port.

kinds.py lists them, scenario.py reads a file and says what is due, evidence.py does what is done to what the broker
tells, requests.py to what clients ask, faults.py sets them off.
"""

from algotrade.gateway.faults.faults import Faults
from algotrade.gateway.faults.kinds import Fault, FaultRefused, fault_of, fault_table
from algotrade.gateway.faults.scenario import Scenario, load_scenario

__all__ = ["Fault", "FaultRefused", "Faults", "Scenario", "fault_of", "fault_table", "load_scenario"]
