"""The systolic array: processing elements, tile buffers, loader, slots, collector."""
