"""The command `algotrade`."""
