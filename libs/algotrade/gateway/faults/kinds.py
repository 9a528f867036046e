"""Every fault, as a value: what a scenario file and the control port may ask for.

Seconds are of market time, milliseconds of the host's. ``client_id`` None: every client. What is taken from the
documentation, from public reports or only assumed is said in docs/GATEWAY.md.
"""

from decimal import Decimal
from typing import Any, TypeAlias, get_args

import msgspec

SECONDS_MAX = 14 * 86_400.0
CODE_MAX = 99_999
QUANTITY_MAX = PRICE_MAX = Decimal(10) ** 12
TIMES_MAX = 1_000_000


class FaultRefused(ValueError):
    """A fault that cannot be set off; the message names the field, its value and what is allowed."""


class _Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    def __post_init__(self) -> None:
        for name in ("seconds", "milliseconds"):
            value = getattr(self, name, 1.0)
            if not 0 < value <= SECONDS_MAX:
                raise FaultRefused(f"{name} is {value}; allowed: above 0, up to {SECONDS_MAX:g}")
        for name, most in (("quantity", QUANTITY_MAX), ("price", PRICE_MAX), ("limit", PRICE_MAX)):
            number = getattr(self, name, None)
            if number is not None and not (number.is_finite() and 0 < number <= most):
                raise FaultRefused(f"{name} is {number}; allowed: above 0, up to {most:g}")
        times = getattr(self, "times", 1)
        if not 1 <= times <= TIMES_MAX:
            raise FaultRefused(f"times is {times}; allowed: 1 to {TIMES_MAX}")


# The link to the broker, and data farms.


class Notice(_Fault, frozen=True, kw_only=True, tag="notice"):
    """Say something to every client, as with code 2110, and do nothing else."""

    code: int
    text: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.code <= CODE_MAX:
            raise FaultRefused(f"code is {self.code}; allowed: 0 to {CODE_MAX}")


class LinkLost(_Fault, frozen=True, kw_only=True, tag="link_lost"):
    """1100, and 1102 after ``seconds``; or 1101, where ``loses_data``: every subscription is gone.

    Meanwhile no market data come, orders and cancels wait, and what happens to orders is told to nobody, neither then
    nor later: it has to be asked for.
    """

    seconds: float = 30.0
    loses_data: bool = False


class FarmBroken(_Fault, frozen=True, kw_only=True, tag="farm_broken"):
    """2103 (2105 history, 2157 definitions), and OK again after ``seconds``; with 2103 market data stop meanwhile."""

    seconds: float = 30.0
    code: int = 2103
    farm: str = "usfarm"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.code not in {2103, 2105, 2157}:
            raise FaultRefused(f"code is {self.code}; allowed: 2103, 2105, 2157")


class PortMoved(_Fault, frozen=True, kw_only=True, tag="port_moved"):
    """1300, and every socket is closed."""


class CompetingSession(_Fault, frozen=True, kw_only=True, tag="competing_session"):
    """10197 on every market data subscription; none come for ``seconds``."""

    seconds: float = 60.0


class Restart(_Fault, frozen=True, kw_only=True, tag="restart"):
    """The Gateway restarts: sockets are closed, and nobody is taken for ``seconds``; orders work on.

    ``rolls_back_ids``  order ids begin again behind those of orders that work
    """

    seconds: float = 60.0
    rolls_back_ids: bool = False


class Relogin(_Fault, frozen=True, kw_only=True, tag="relogin"):
    """Sockets are closed, and nobody is taken until somebody has logged in by hand, after ``seconds``."""

    seconds: float = 3_600.0


# Sockets.


class HalfOpen(_Fault, frozen=True, kw_only=True, tag="half_open"):
    """Nothing arrives any more, either way, and nobody is told; after ``seconds`` the socket is reset."""

    seconds: float = 60.0
    client_id: int | None = None


class Reset(_Fault, frozen=True, kw_only=True, tag="reset"):
    """The socket is reset (RST), with what was on its way lost."""

    client_id: int | None = None


class SlowReader(_Fault, frozen=True, kw_only=True, tag="slow_reader"):
    """The Gateway reads nothing from a client for ``seconds``."""

    seconds: float = 10.0
    client_id: int | None = None


class Split(_Fault, frozen=True, kw_only=True, tag="split"):
    """What is sent goes out in pieces of ``size_bytes``, for ``seconds``."""

    seconds: float = 10.0
    size_bytes: int = 1
    client_id: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.size_bytes <= 65_536:
            raise FaultRefused(f"size_bytes is {self.size_bytes}; allowed: 1 to 65536")


class Coalesced(_Fault, frozen=True, kw_only=True, tag="coalesced"):
    """What is sent waits ``milliseconds`` and goes out in one piece, for ``seconds``."""

    seconds: float = 10.0
    milliseconds: float = 200.0
    client_id: int | None = None


# What is told of orders.


class ExecutionFirst(_Fault, frozen=True, kw_only=True, tag="execution_first"):
    """Executions are told before the open order and the status that belong to them, ``times`` times."""

    times: int = 1


class Duplicated(_Fault, frozen=True, kw_only=True, tag="duplicated_executions"):
    """An execution is told ``copies`` times more, ``times`` times."""

    times: int = 1
    copies: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.copies <= 100:
            raise FaultRefused(f"copies is {self.copies}; allowed: 1 to 100")


class CommissionLate(_Fault, frozen=True, kw_only=True, tag="commission_late"):
    """A commission report comes ``seconds`` late, ``times`` times."""

    seconds: float = 30.0
    times: int = 1


class CommissionNever(_Fault, frozen=True, kw_only=True, tag="commission_never"):
    """A commission report never comes, ``times`` times."""

    times: int = 1


class StatusLost(_Fault, frozen=True, kw_only=True, tag="status_lost"):
    """An order's status is not told, ``times`` times; asking for open orders tells it."""

    times: int = 1


class CancelLate(_Fault, frozen=True, kw_only=True, tag="cancel_late"):
    """A cancel reaches the market ``seconds`` late, ``times`` times: the order may fill first."""

    seconds: float = 2.0
    times: int = 1


class OrderLost(_Fault, frozen=True, kw_only=True, tag="order_lost"):
    """A new order vanishes without a word, ``times`` times."""

    times: int = 1


class LivesTwice(_Fault, frozen=True, kw_only=True, tag="lives_twice"):
    """The next change of an order makes a second one beside it, with a permanent id of its own (observed)."""

    times: int = 1


# What the broker and its users do.


class Corrected(_Fault, frozen=True, kw_only=True, tag="corrected"):
    """The last execution is corrected: its id ends one higher, quantity and price as given, else as they were."""

    quantity: Decimal | None = None
    price: Decimal | None = None


class Busted(_Fault, frozen=True, kw_only=True, tag="busted"):
    """The last execution is taken back."""


class Liquidation(_Fault, frozen=True, kw_only=True, tag="liquidation"):
    """The broker closes ``quantity`` of the holding in ``symbol``; None: all of it."""

    symbol: str
    quantity: Decimal | None = None


class ManualTrade(_Fault, frozen=True, kw_only=True, tag="manual_trade"):
    """Somebody trades in TWS by hand: a market order, or a limit order."""

    symbol: str
    action: str = "BUY"
    quantity: Decimal = Decimal(100)
    limit: Decimal | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.action not in {"BUY", "SELL"}:
            raise FaultRefused(f"action is {self.action!r}; allowed: BUY, SELL")


Fault: TypeAlias = (
    Notice | LinkLost | FarmBroken | PortMoved | CompetingSession | Restart | Relogin | HalfOpen | Reset | SlowReader
    | Split | Coalesced | ExecutionFirst | Duplicated | CommissionLate | CommissionNever | StatusLost | CancelLate
    | OrderLost | LivesTwice | Corrected | Busted | Liquidation | ManualTrade
)


def fault_of(values: Any) -> Fault:
    """Return the fault that ``values``, as TOML or JSON has them, ask for; raises ``FaultRefused``."""
    kinds: Any = Fault  # a union of tagged structs: msgspec takes it, type checkers call it no type
    try:
        fault: Fault = msgspec.convert(values, kinds)
    except msgspec.ValidationError as error:
        known = ", ".join(fault_table())
        kind = values.get("kind") if isinstance(values, dict) else None
        fields = ", ".join(fault_table().get(str(kind), ()))
        allowed = f"fields of {kind}: {fields or 'none'}" if kind in fault_table() else f"kinds: {known}"
        raise FaultRefused(f"fault {str(values)[:200]}: {error}; allowed: {allowed}") from error
    return fault


def fault_table() -> dict[str, tuple[str, ...]]:
    """Return the fields of each kind of fault, by its name."""
    return {kind.__struct_config__.tag: kind.__struct_fields__ for kind in get_args(Fault)}
