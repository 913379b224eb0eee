"""Iterations over primitives, for arrays of either engine."""
