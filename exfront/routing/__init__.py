"""Routing: `decide` gives the Decision for a case; pure, one module per documented flow."""

from exfront.routing.home_server import decide

__all__ = ["decide"]
