"""How the elements of a tile are read from a shared buffer."""

__all__ = ["tile_reads"]


def tile_reads(channels, beat):
    """Return what a tile's channels take to read: (channel, group of rows, lane or None).

    A group whose channels are neighbours takes one read, another one a read per channel.

    Examples
    --------
    >>> tile_reads((4, 5, 9, 2), 2)
    [(4, 0, None), (9, 1, 0), (2, 1, 1)]
    """
    reads = []
    for start in range(0, len(channels), beat):
        group = channels[start : start + beat]
        if all(channel == group[0] + j for j, channel in enumerate(group)):
            reads.append((group[0], start // beat, None))
        else:
            reads += [(channel, start // beat, j) for j, channel in enumerate(group)]
    return reads
