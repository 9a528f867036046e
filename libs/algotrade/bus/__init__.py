"""The durable log between the planes: one delivery contract (``port``), and its bodies."""
