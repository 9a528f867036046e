"""The simulated broker in a process of its own: one session per client id, as at Interactive Brokers."""
