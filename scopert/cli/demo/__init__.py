"""``scopert demo``: two towers that share one set of weights."""
