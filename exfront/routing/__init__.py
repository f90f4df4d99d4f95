"""Routing: `decide` gives the Decision for a case; pure, one module per documented flow."""

from exfront.routing.flows import decide

__all__ = ["decide"]
