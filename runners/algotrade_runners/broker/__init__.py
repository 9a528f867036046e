"""The simulated broker as a process of its own."""
