"""The plan as HLS C++."""
