"""Figures and pages of recorded estimates.

`plane` draws information planes, `curves` their course over training, `report` one page of
both that needs nothing but a browser. None of them is imported here: matplotlib is loaded by
those who draw.
"""
