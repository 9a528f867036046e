"""How a venue behaves: fills, latency, spread, volume, commission. Knows no strategy, keeps no account.

The simulated broker, the simulated gateway and the backtest share these models, so they cannot disagree about a fill.
"""

from algotrade.matching.commission import CommissionModel
from algotrade.matching.latency import arrival_ns
from algotrade.matching.models import ModelError, VenueModel

__all__ = ["CommissionModel", "ModelError", "VenueModel", "arrival_ns"]
