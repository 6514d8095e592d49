"""Imports the package first: modules collected for their examples then come from it, and run once."""

import scopert  # noqa: F401
