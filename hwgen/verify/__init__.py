"""RTL and HLS C++ against the golden model."""
