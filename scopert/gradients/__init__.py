"""Derivatives of graphs: backpropagation, the gradient registry, aggregation."""
