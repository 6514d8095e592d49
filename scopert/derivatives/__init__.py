"""Derivatives of graphs: backpropagation, the gradient registry, aggregation, loops.

The room is not called `gradients`: that name belongs to the function ``tf.gradients``.
"""
