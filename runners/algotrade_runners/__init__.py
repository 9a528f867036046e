"""Thin hosts: they build real ports from a configuration and run the planes. Never imported by a library."""
