"""The simulated Gateway's process."""
