"""Measures of results over many batches, kept in local variables."""
