"""Signals: numbers computed from market data, one value per observation, streaming and in batches.

Every signal is a module of the same shape, so that strategies compose them without a framework:

``STATE``      dtype of what it remembers; all zeros = nothing seen yet. A strategy nests it in its own state record
``update``     compiled; (state scalars, observation, parameter scalars) -> state scalars
``value``      compiled; (state scalars, parameter scalars) -> the signal now, NaN while it is not known
``batch``      (arrays, parameters) -> the signal after each observation, bit for bit what ``update`` gives

Why scalars: a kernel loads a signal's state into locals, hands them through and stores them again; helpers that take
arrays cost ten times as much. An observation that is not usable is ignored and never poisons the state.
"""
