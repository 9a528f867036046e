"""The kernel strategies that can be named in a configuration."""

from collections.abc import Collection

from algotrade.domain.market import Kind
from algotrade.strategy.definition import KernelStrategy
from algotrade.strategy.ema_cross import EMA_CROSS
from algotrade.strategy.ofi import OFI

STRATEGIES: dict[str, KernelStrategy] = {definition.name: definition for definition in (OFI, EMA_CROSS)}
"""name -> definition; where data of several kinds is there, the earlier one is the default."""


def definition_of(name: str) -> KernelStrategy:
    """Return the definition named ``name``; an unknown name is a ValueError that lists the known."""
    if name not in STRATEGIES:
        raise ValueError(f"strategy is {name!r}; allowed: {', '.join(sorted(STRATEGIES))}")
    return STRATEGIES[name]


def default_for(kinds: Collection[Kind]) -> KernelStrategy:
    """Return the strategy to run on data of ``kinds``: on quotes ``ofi``, else on bars ``ema_cross``."""
    for definition in STRATEGIES.values():
        if definition.kind in kinds:
            return definition
    there = ", ".join(kind.name.lower() for kind in sorted(kinds)) or "none"
    known = ", ".join(f"{d.name} ({d.kind.name.lower()})" for d in STRATEGIES.values())
    raise ValueError(f"no strategy consumes records of kinds: {there}; there are: {known}")
