"""The data plane: reads the feed, checks every record, numbers and publishes it."""
