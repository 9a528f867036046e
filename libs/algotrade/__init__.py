"""algo-trade: trading through Interactive Brokers for people who must be able to trust the state.

The package root imports nothing: whatever it imported, every library would depend on.
Import the library you need, for example ``from algotrade.signals import ema``.
"""


def __getattr__(name: str) -> str:
    """Resolve ``algotrade.__version__`` on first use, from the installed distribution's metadata."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 -- only who asks pays for it

        return version("algotrade")
    raise AttributeError(f"module 'algotrade' has no attribute {name!r}")
