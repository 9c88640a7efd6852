"""Engines that multiply by weights."""
