"""Entropic optimal transport that says how well it was solved."""

from __future__ import annotations

from infotheory.solvers.policy import SOLVERS
from infotheory.transport.entropic import sinkhorn, uniform_transport
from infotheory.transport.plans import Transport

__all__ = ["SOLVERS", "Transport", "sinkhorn", "uniform_transport"]
