"""``scopert bench``: scopert beside its peers, and beside other versions of itself."""
