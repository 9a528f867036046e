"""What IB says when it does not do what was asked: codes (documented) and texts (documented or observed, abridged)."""

from algotrade.ibkr.wire.answers.link import ErrorMessage
from algotrade.ibkr.wire.records import Contract

NO_REQUEST = -1

FARMS_OK = (
    ErrorMessage(req_id=NO_REQUEST, code=2104, message="Market data farm connection is OK:usfarm"),
    ErrorMessage(req_id=NO_REQUEST, code=2106, message="HMDS data farm connection is OK:ushmds"),
    ErrorMessage(req_id=NO_REQUEST, code=2158, message="Sec-def data farm connection is OK:secdefnj"),
)

RATE = ErrorMessage(req_id=NO_REQUEST, code=100, message="Max rate of messages per second has been exceeded:max=50")
CLIENT_ID_IN_USE = ErrorMessage(
    req_id=NO_REQUEST, code=326,
    message="Unable to connect as the client id is already in use. Retry with a unique client id.")


def unknown_message(wire_id: str) -> ErrorMessage:
    """Return the answer to a request that this Gateway does not know."""
    return ErrorMessage(req_id=NO_REQUEST, code=505, message=f"Fatal Error: Unknown message id:{wire_id}")


def no_security(req_id: int) -> ErrorMessage:
    """Return the answer where no contract fits."""
    return ErrorMessage(req_id=req_id, code=200, message="No security definition has been found for the request")


def ambiguous(req_id: int, contract: Contract) -> ErrorMessage:
    """Return the answer where several contracts fit and one is needed."""
    return ErrorMessage(req_id=req_id, code=200, message=(
        f"The contract description specified for {contract.symbol or contract.local_symbol} is ambiguous"))


def duplicate(req_id: int) -> ErrorMessage:
    """Return the answer to a ticker id that is in use."""
    return invalid(req_id, "Duplicate ticker id")


def unknown_id(req_id: int) -> ErrorMessage:
    """Return the answer to the end of a subscription that there is not."""
    return ErrorMessage(req_id=req_id, code=300, message=f"Can't find EId with tickerId:{req_id}")


def no_history_query(req_id: int) -> ErrorMessage:
    """Return the answer to the end of a request for history that is not open."""
    return ErrorMessage(req_id=req_id, code=366, message=f"No historical data query found for ticker id:{req_id}")


def no_depth(req_id: int) -> ErrorMessage:
    """Return the answer to the end of a book's subscription that there is not."""
    return ErrorMessage(req_id=req_id, code=310, message=(
        f"Can't find the subscribed market depth with tickerId:{req_id}"))


def invalid(req_id: int, cause: str) -> ErrorMessage:
    """Return the answer to a request that cannot be processed."""
    return ErrorMessage(req_id=req_id, code=322, message=f"Error processing request.-'bT' : cause - {cause}")


def not_valid(req_id: int, cause: str) -> ErrorMessage:
    """Return the answer to a request with a value that is not allowed."""
    return ErrorMessage(req_id=req_id, code=321, message=f"Error validating request.-'bQ' : cause - {cause}")


def too_many_lines(req_id: int) -> ErrorMessage:
    """Return the answer to one market data line too many."""
    return ErrorMessage(req_id=req_id, code=101, message="Max number of tickers has been reached")


def too_much_depth(req_id: int, limit: int) -> ErrorMessage:
    """Return the answer to one book too many."""
    return ErrorMessage(req_id=req_id, code=309, message=(
        f"Max number ({limit}) of market depth requests has been reached"))


def too_many_tick_requests(req_id: int) -> ErrorMessage:
    """Return the answer to one tick-by-tick subscription too many."""
    return ErrorMessage(req_id=req_id, code=10190, message="Max number of tick-by-tick requests has been reached.")


def live_query_too_early(req_id: int, why: str) -> ErrorMessage:
    """Return the answer to real-time bars or ticks that are asked for too fast."""
    return ErrorMessage(req_id=req_id, code=420, message=(
        f"Invalid Real-time Query:Historical data request pacing violation: {why}"))


def history_error(req_id: int, what: str) -> ErrorMessage:
    """Return what the history service says instead of an answer."""
    return ErrorMessage(req_id=req_id, code=162, message=f"Historical Market Data Service error message:{what}")


def too_early(req_id: int, why: str) -> ErrorMessage:
    """Return the answer to history that is asked for too fast."""
    return history_error(req_id, f"Historical data request pacing violation: {why}")


def not_subscribed(req_id: int) -> ErrorMessage:
    """Return the answer to live data that the login may not see."""
    return ErrorMessage(req_id=req_id, code=354, message=(
        "Requested market data is not subscribed. Delayed market data is available."))


def shown_delayed(req_id: int) -> ErrorMessage:
    """Return the notice that data come late."""
    return ErrorMessage(req_id=req_id, code=10167, message=(
        "Requested market data is not subscribed. Displaying delayed market data."))


def no_tick_permission(req_id: int) -> ErrorMessage:
    """Return the answer to ticks that the login may not see."""
    return ErrorMessage(req_id=req_id, code=10189, message=(
        "Failed to request tick-by-tick data:No market data permissions"))


def no_live_permission(req_id: int) -> ErrorMessage:
    """Return the answer to real-time bars that the login may not see."""
    return ErrorMessage(req_id=req_id, code=420, message="Invalid Real-time Query:No market data permissions")


def no_depth_permission(req_id: int) -> ErrorMessage:
    """Return the answer to a book that the login may not see."""
    return ErrorMessage(req_id=req_id, code=354, message="Requested market data is not subscribed.")
