"""The order plane: the single writer of order state; risk gate, journal and broker live here."""
