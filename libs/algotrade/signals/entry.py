"""``OwnShape``: what is to be known about an entry of the catalogue that is no series with a value per observation."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from algotrade.signals.signal import CAPACITY_MAX, Input, Parameter, checked


@dataclass(frozen=True, kw_only=True)
class OwnShape(ABC):
    """An entry with a call shape of its own; ``Signal`` tells the same of itself.

    ``inputs``      in the order in which they are handed in
    ``parameters``  by keyword;  ``ordered``  pairs of them of which the first must be below the second
    ``outputs``     ``float``, or what has the names of several
    """

    kind: ClassVar[str]
    """The name of its call shape."""

    name: str
    family: str
    inputs: tuple[Input, ...]
    parameters: tuple[Parameter, ...] = ()
    ordered: tuple[tuple[str, str], ...] = ()
    outputs: Any = float
    unit: str
    formula: str
    source: str

    @property
    @abstractmethod
    def shape(self) -> str:
        """Return the call shape in words."""

    @property
    def output_names(self) -> tuple[str, ...]:
        """Return the names of the outputs, the entry's own where there is one."""
        return (self.name,) if self.outputs is float else self.outputs._fields

    def settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return a value for each parameter, or raise ``ValueError`` with what is allowed."""
        return checked(self, given, CAPACITY_MAX)
