"""Board files: device, clock, pins, link."""
