"""When an intent reaches the venue."""

from algotrade.domain.order import IntentId
from algotrade.matching.models import VenueModel

_MASK = 2**64 - 1


def arrival_ns(model: VenueModel, seed: int, intent_id: IntentId, born_ns: int) -> int:
    """Return when an intent born at ``born_ns`` reaches the venue, were it alone; depends on nothing else.

    The jitter is a hash of seed and id, not the next draw of a generator: a restart, another order of intents or
    another strategy beside it change nothing.
    """
    jitter = 0
    if model.order_latency_jitter_ns:
        jitter = _mix(seed ^ _mix(intent_id.sequence ^ _mix(intent_id.number))) % (model.order_latency_jitter_ns + 1)
    return born_ns + model.order_latency_ns + jitter


def _mix(x: int) -> int:
    """Finalise SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", figure 16)."""
    z = (x + 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)
