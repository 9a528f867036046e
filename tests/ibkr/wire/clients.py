"""Other people's clients without their sockets: what they would send, and what they make of what they are told.

Their attributes are ours in camel case, with the few exceptions of ``NAMES``.
"""

import importlib
import re
import sys
from collections.abc import Callable
from datetime import UTC
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import ibapi.client
import ibapi.contract
import ibapi.decoder
import ibapi.execution
import ibapi.order
import ibapi.order_condition
import ibapi.softdollartier
import ibapi.tag_value
import msgspec

from algotrade.ibkr.wire.kinds import MAYBE_INT, Kind
from algotrade.ibkr.wire.layout import members
from algotrade.ibkr.wire.records import Condition, Contract, Order, TagValue

UNSET_INT, UNSET_DOUBLE = 2**31 - 1, 1.7976931348623157e308
VERSIONS = {"ib_insync": range(157, 177), "ib_async": range(157, 179), "ibapi": (157,)}
PAIRS = [(library, version) for library, versions in VERSIONS.items() for version in versions]

NAMES = {
    "last_trade_date": "lastTradeDateOrContractMonth", "combo_legs_description": "comboLegsDescrip",
    "discretionary_amount": "discretionaryAmt", "rule_80a": "rule80A", "leg_prices": "orderComboLegs",
    "smart_combo_routing": "smartComboRoutingParams", "misc_options": "orderMiscOptions",
    "mifid2_decision_maker": "mifid2DecisionMaker", "mifid2_decision_algo": "mifid2DecisionAlgo",
    "account_": "acctNumber", "sec_ids": "secIdList",
}


def camel(name: str) -> str:
    return NAMES.get(name) or re.sub(r"_([a-z0-9])", lambda at: at[1].upper(), name)


class Library:
    """The classes of one client library, under names of ours."""

    def __init__(self, name: str) -> None:
        self.name = name
        if name == "ibapi":
            self.types = SimpleNamespace(
                Contract=ibapi.contract.Contract, Order=ibapi.order.Order, ComboLeg=ibapi.contract.ComboLeg,
                OrderComboLeg=ibapi.order.OrderComboLeg, TagValue=ibapi.tag_value.TagValue,
                DeltaNeutralContract=ibapi.contract.DeltaNeutralContract,
                SoftDollarTier=ibapi.softdollartier.SoftDollarTier)
        else:
            self.types = importlib.import_module(name)

    def contract(self, ours: Contract) -> Any:
        theirs = self.types.Contract()
        for member in members(Contract).values():
            if member.kind and not member.name.startswith(("delta_neutral", "is_delta")):
                setattr(theirs, camel(member.name), self.value(getattr(ours, member.name), member.kind))
        if ours.combo_legs:
            theirs.comboLegs = [self._copied(self.types.ComboLeg(), leg) for leg in ours.combo_legs]
        if ours.is_delta_neutral:
            theirs.deltaNeutralContract = neutral = self.types.DeltaNeutralContract()
            neutral.conId = ours.delta_neutral_con_id
            neutral.delta, neutral.price = float(ours.delta_neutral_delta), float(ours.delta_neutral_price)
        return theirs

    def order(self, ours: Order) -> Any:
        theirs = self._copied(self.types.Order(), ours)
        theirs.softDollarTier = self.types.SoftDollarTier(
            ours.soft_dollar_name, ours.soft_dollar_value, ours.soft_dollar_display_name)
        theirs.orderComboLegs = [self._copied(self.types.OrderComboLeg(), leg) for leg in ours.leg_prices]
        theirs.smartComboRoutingParams = self.tags(ours.smart_combo_routing)
        theirs.algoParams = self.tags(ours.algo_params)
        theirs.conditions = [self.condition(c) for c in ours.conditions]
        theirs.orderMiscOptions = [
            self.types.TagValue(*text.split("=")) for text in ours.misc_options.split(";") if text]
        return theirs

    def execution_filter(self, **texts: Any) -> Any:
        source = ibapi.execution if self.name == "ibapi" else self.types
        theirs = source.ExecutionFilter()
        for name, text in texts.items():
            named = "acctCode" if name == "account" else camel(name)
            assert hasattr(theirs, named), named
            setattr(theirs, named, text)
        return theirs

    def tags(self, ours: tuple[TagValue, ...]) -> list[Any]:
        return [self.types.TagValue(pair.tag, pair.value) for pair in ours]

    def condition(self, ours: Condition) -> Any:
        named = {1: "Price", 3: "Time", 4: "Margin", 5: "Execution", 6: "Volume", 7: "PercentChange"}[ours.kind]
        source = ibapi.order_condition if self.name == "ibapi" else self.types
        theirs = getattr(source, f"{named}Condition")()
        pairs = {
            "conjunction": ours.conjunction, "isMore": ours.is_more, "price": _float(ours.price), "time": ours.time,
            "percent": ours.percent, "secType": ours.sec_type, "symbol": ours.symbol, "volume": ours.volume,
            "changePercent": _float(ours.change_percent), "conId": ours.con_id, "exch": ours.exchange,
            "exchange": ours.exchange, "triggerMethod": ours.trigger_method,
            "isConjunctionConnection": ours.conjunction == "a"}
        for name, value in pairs.items():
            if hasattr(theirs, name):
                setattr(theirs, name, value)
        return theirs

    def _copied(self, theirs: Any, ours: msgspec.Struct) -> Any:
        for member in members(type(ours)).values():
            if member.kind:
                setattr(theirs, camel(member.name), self.value(getattr(ours, member.name), member.kind))
        return theirs

    @staticmethod
    def value(ours: Any, kind: Kind) -> Any:
        """Return a value of ours as the clients hold it."""
        if ours is None:
            return UNSET_INT if kind is MAYBE_INT else UNSET_DOUBLE
        return float(ours) if isinstance(ours, Decimal) else ours

    def client(self, version: int, client_id: int = 7) -> tuple[Any, list[bytes]]:
        """Return a client that takes itself for connected, and the list of the frames that it sends."""
        sent: list[bytes] = []
        if self.name == "ibapi":
            client = ibapi.client.EClient(SimpleNamespace(error=_fail))
            client.conn = SimpleNamespace(sendMsg=sent.append, isConnected=lambda: True)
            client.serverVersion_ = version
            client.setConnState(client.CONNECTED)
        else:
            client = importlib.import_module(f"{self.name}.client").Client(SimpleNamespace())
            client.connState, client._serverVersion = client.CONNECTED, version
            client.sendMsg = lambda text: sent.append(client._prefix(text.encode()))
        client.clientId = client_id
        return client, sent


    def heard(self, version: int, payload: bytes) -> list[tuple[str, tuple[Any, ...]]]:
        """Return the callbacks that a payload from a server of ``version`` causes, with their arguments."""
        wrapper = Recorder()
        if self.name == "ibapi":
            ibapi.decoder.Decoder(wrapper, version).interpret(payload.split(b"\0")[:-1])
        else:
            decoder = importlib.import_module(f"{self.name}.decoder").Decoder(wrapper, version)
            decoder.logger = SimpleNamespace(exception=_raise)
            decoder.interpret(payload.decode().split("\0")[:-1])
        return wrapper.calls


class Recorder:
    """Takes every callback and keeps it."""

    defaultTimezone = UTC  # noqa: N815 -- ib_async asks for it
    ib = SimpleNamespace(TimezoneTWS="UTC")

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args: self.calls.append((name, args))


def _raise(text: str) -> None:
    """Raise what a client would only have logged."""
    raise AssertionError(text) from sys.exception()


def _fail(*args: Any) -> None:
    raise AssertionError(args)


def _float(value: Decimal | None) -> float:
    return float(value or 0)


UNSET = (None, "", 0, UNSET_INT, UNSET_DOUBLE)
"""What clients hold where nothing was told."""


def differences(ours: Any, theirs: Any, name: str = "") -> list[str]:
    """Return where ``theirs`` is not what ``ours`` says.

    A record of ours is compared by its plain fields that the client has too, a dict by the attributes that it names, a
    tuple element by element. None is whatever a client holds for it.
    """
    if isinstance(ours, msgspec.Struct):
        pairs = {camel(m.name): getattr(ours, m.name) for m in members(type(ours)).values() if m.kind}
        return differences({key: value for key, value in pairs.items() if hasattr(theirs, key)}, theirs, name)
    if isinstance(ours, dict):
        return [d for key, value in ours.items() for d in differences(value, getattr(theirs, key), f"{name}.{key}")]
    if isinstance(ours, tuple):
        ranked = sorted(theirs) if isinstance(theirs, set) else theirs or ()
        if len(ours) != len(ranked):
            return [f"{name}: {len(ours)} became {len(ranked)}"]
        return [d for i, (a, b) in enumerate(zip(ours, ranked, strict=True)) for d in differences(a, b, f"{name}[{i}]")]
    equal = theirs in UNSET if ours is None else (
        float(ours) == float(theirs) if isinstance(ours, Decimal | float)
        else ours == theirs and isinstance(ours, bool) == isinstance(theirs, bool))
    return [] if equal else [f"{name}: {ours!r} became {theirs!r}"]
