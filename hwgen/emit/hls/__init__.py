"""The plan as HLS C++."""

from hwgen.emit.hls.project import emit

__all__ = ["emit"]
