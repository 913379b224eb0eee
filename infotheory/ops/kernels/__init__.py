"""Numba loops, one file for each statistic; the CPU engine alone calls them."""
