"""Interactive Brokers: the wire codec of the TWS text protocol, and the session that stays truthful about its link."""
