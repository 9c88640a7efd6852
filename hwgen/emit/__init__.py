"""The plan as source text: RTL and HLS C++."""
