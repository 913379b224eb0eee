"""Estimators: short formulas on top of the primitives, one file per statistic or idea."""
