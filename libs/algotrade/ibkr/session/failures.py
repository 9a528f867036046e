"""What it means that a connection was not made, by how far it had come."""

from algotrade.ibkr.session import errors as e
from algotrade.ibkr.session.settings import IbkrSettings


def closed(settings: IbkrSettings, reason: str, *, was_ready: bool, had_bytes: bool) -> e.ConnectFailed:
    """Return what it means that the other side closed. ``reason``: the system's, or ""."""
    where = f"{settings.host}:{settings.port}"
    tail = f" ({reason})" if reason else ""
    if was_ready:
        return e.LinkLost(f"the connection to {where} ended{tail}")
    if not had_bytes:
        return e.ClosedAtOnce(
            f"{where} took the connection and closed it without a word{tail}: enable socket clients in its API "
            "settings, and trust this host's address there")
    return e.StartRefused(f"{where} closed the connection before it named an account and a first order id{tail}")


def silent(settings: IbkrSettings, *, has_greeted: bool, lacks: list[str]) -> e.ConnectFailed:
    """Return what it means that connecting took too long. ``lacks``: what had not come."""
    where, limit = f"{settings.host}:{settings.port}", f"{settings.connect_s:g} s"
    if not has_greeted:
        return e.SilentPort(f"{where} took the connection and did not greet within {limit}: is it an API port? TWS "
                            "may be asking somebody at its screen whether to let us in")
    missing = " and ".join(lacks)
    return e.StartRefused(f"{where} greeted and did not name {missing} within {limit}: is somebody logged in?")


def client_id_in_use(settings: IbkrSettings) -> e.ClientIdInUse:
    """Return what code 326 means."""
    return e.ClientIdInUse(
        f"client id {settings.client_id} is in use at {settings.host}:{settings.port}: another session is alive and "
        "owns its orders. End that one, or set IBKR_CLIENT_ID; the id is never changed by itself")
