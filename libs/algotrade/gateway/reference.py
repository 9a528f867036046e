"""Requests about contracts: what they are, their price steps, which there are."""

from algotrade.gateway.floor import Floor
from algotrade.gateway.listings import Listing
from algotrade.gateway.refusals import no_security, not_valid
from algotrade.ibkr.wire import Answer
from algotrade.ibkr.wire.answers.contracts import (
    ContractData,
    ContractDataEnd,
    MarketRule,
    OptionParametersEnd,
    SymbolSample,
    SymbolSamples,
)
from algotrade.ibkr.wire.requests import (
    RequestContractData,
    RequestMarketRule,
    RequestMatchingSymbols,
    RequestOptionParameters,
)

SYMBOLS_MAX = 16
"""Contracts in one answer to a pattern (documented)."""


def contract_data(floor: Floor, request: RequestContractData) -> list[Answer]:
    """Return every contract that fits, and the end; 200 alone where none does (documented)."""
    found = floor.listings.find(request.contract)
    if not found:
        return [no_security(request.req_id)]
    now_ns = floor.now_ns
    return [*(_details(request.req_id, listing, now_ns) for listing in found), ContractDataEnd(req_id=request.req_id)]


def _details(req_id: int, listing: Listing, now_ns: int) -> ContractData:
    contract, instrument = listing.contract, listing.instrument
    rules = ",".join(str(listing.market_rule_id) for _ in listing.exchanges)
    return ContractData(
        req_id=req_id, contract=contract, market_name=contract.trading_class, min_tick=instrument.tick,
        order_types=listing.order_types, valid_exchanges=",".join(listing.exchanges), price_magnifier=1,
        long_name=instrument.symbol, contract_month=contract.last_trade_date[:6], time_zone_id=listing.time_zone_id,
        trading_hours=listing.trading_hours(now_ns), liquid_hours=listing.liquid_hours(now_ns), agg_group=1,
        market_rule_ids=rules, real_expiration_date=contract.last_trade_date,
        stock_type="COMMON" if contract.sec_type == "STK" else "", min_size=listing.min_size,
        size_increment=listing.size_increment, suggested_size_increment=listing.size_increment)


def market_rule(floor: Floor, request: RequestMarketRule) -> list[Answer]:
    """Return the price steps; 321 for a rule that no contract names (assumed)."""
    increments = floor.listings.rule(request.market_rule_id)
    if increments is None:
        return [not_valid(-1, f"Market rule {request.market_rule_id} is unknown")]
    return [MarketRule(market_rule_id=request.market_rule_id, increments=increments)]


def matching_symbols(floor: Floor, request: RequestMatchingSymbols) -> list[Answer]:
    """Return the contracts whose symbol begins with the pattern, upper or lower case."""
    pattern = request.pattern.upper()
    found = [x for x in floor.listings if pattern and x.contract.symbol.upper().startswith(pattern)]
    return [SymbolSamples(req_id=request.req_id, samples=tuple(
        SymbolSample(con_id=x.contract.con_id, symbol=x.contract.symbol, sec_type=x.contract.sec_type,
                     primary_exchange=x.contract.primary_exchange or x.contract.exchange,
                     currency=x.contract.currency, description=x.instrument.symbol)
        for x in found[:SYMBOLS_MAX]))]


def option_parameters(floor: Floor, request: RequestOptionParameters) -> list[Answer]:
    """Return the end alone: there are no options here; 321 for an underlying that there is not."""
    if floor.listings.by_con_id(request.under_con_id) is None:
        return [not_valid(request.req_id, f"Invalid contract id {request.under_con_id}")]
    return [OptionParametersEnd(req_id=request.req_id)]
