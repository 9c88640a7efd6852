"""Streams: valid/ready plumbing."""
