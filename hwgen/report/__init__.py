"""What was built and measured, as one HTML page."""
