"""What a session refuses, and why a connection failed: one tree, each leaf a thing that somebody can act on."""


class SessionError(Exception):
    """Something about the session with Interactive Brokers; the message says what, and what would be right."""


class SettingsRefused(SessionError, ValueError):
    """A setting, or two that contradict each other."""


class ConnectFailed(SessionError):
    """No connection this time. The session tries again by itself, with the same address and client id."""


class NothingListens(ConnectFailed):
    """Nobody takes connections at this address."""


class NotAnApiPort(ConnectFailed):
    """Somebody answers who does not speak the TWS API."""


class ClosedAtOnce(ConnectFailed):
    """The connection was taken and closed before a word: the API is off, or our address is not trusted."""


class SilentPort(ConnectFailed):
    """The connection was taken and then nothing was said."""


class ClientIdInUse(ConnectFailed):
    """Code 326: another session has this client id. It is alive and owns the orders; ours stays disarmed."""


class StartRefused(ConnectFailed):
    """The version was agreed on, and then the connection closed, or account and first order id never came."""


class LinkLost(ConnectFailed):
    """A connection that was ready has ended."""


class Refused(SessionError):
    """What was found must not be traded on, or with. The session ends; trying again would find the same."""


class LibraryMissing(Refused):
    """The client library that was chosen is not installed."""


class VersionRefused(Refused):
    """The server speaks a version that is not known here."""


class AccountRefused(Refused):
    """The account is not the one of the settings, or not of the environment that they name."""


class Closed(SessionError):
    """The owner has closed the session."""


class RequestRefused(SessionError):
    """A request that was not taken: nothing of it was queued or sent."""


class LinkDown(RequestRefused):
    """There is no connection to send it on."""


class Disarmed(RequestRefused):
    """An order, while the session is not sure of the state at the broker. Cancels are still taken."""


class ReadOnly(RequestRefused):
    """An order or a cancel, in a session that only reads."""


class QueueFull(RequestRefused):
    """As many requests of this kind wait as may; the sender is paced, so this is overload."""


class OrderIdsExhausted(RequestRefused):
    """The next order id would be one of those kept for requests."""
