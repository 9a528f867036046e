"""A simulated IB Gateway: other people's clients talk to it over a real socket, unmodified."""
