"""The user's YAML file."""
