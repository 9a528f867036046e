"""The strategy plane: market data and reports in, order intents out."""
