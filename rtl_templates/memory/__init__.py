"""Addressed memories and the movers that walk them."""
