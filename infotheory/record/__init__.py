"""Recording: taps, quiet probes, schedules and the log of a network while it trains."""
