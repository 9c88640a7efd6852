"""Engines that fold and scale channels."""
