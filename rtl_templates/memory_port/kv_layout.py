"""Where the keys and values of an attention cache lie in external memory."""

from dataclasses import dataclass

__all__ = ["KvLayout", "KvRows"]

SIZE_BITS = 8
"""Width of the size of a row of 4-bit codes."""


@dataclass(frozen=True)
class KvRows:
    """Where the rows of one kind lie in a tile: one per slot.

    Parameters
    ----------
    first : int
        Bytes from the tile's address to the row of its first slot.
    pitch : int
        Bytes from a row to that of the next slot.
    beats : int
        Beats that are written for a row: its own, or the one that it is a byte of.
    """

    first: int
    pitch: int
    beats: int


@dataclass(frozen=True)
class KvLayout:
    """A tile of one key head is one contiguous block, in the order in which the array takes it.

    ``[kv_head][tile][sizes of its keys | of its values | its keys, slot by slot | its values]``,
    each key and value ``inner`` or ``features`` codes of ``bits`` bits, the first code in the low
    bits, each size (where there are any) a byte.  So all tiles of a head are read in long bursts,
    and a new token is ``2 * kv_heads`` short writes, and as many of a single byte.

    Parameters
    ----------
    base : int
        Byte address of the cache, a multiple of a beat.
    kv_heads, tiles, tile : int
        Key heads, tiles of slots, slots per tile.
    inner, features : int
        Codes of a head's key and of its value.
    bits : int
        Width of a code.
    data_bits : int
        Width of a beat of the port.
    sized : bool
        Whether each key and each value has a size.

    Raises
    ------
    ValueError
        If a row, or the sizes of a tile, are no whole number of beats.
    """

    base: int
    kv_heads: int
    tiles: int
    tile: int
    inner: int
    features: int
    bits: int
    data_bits: int
    sized: bool = False

    def __post_init__(self):
        for name, size in (("key", self.inner), ("value", self.features)):
            if size * self.bits % self.data_bits:
                raise ValueError(
                    f"A {name} of {size} codes of {self.bits} bits is no whole number of beats of "
                    f"{self.data_bits} bits"
                )
        if self.sized and 2 * self.tile * SIZE_BITS % self.data_bits:
            raise ValueError(
                f"The sizes of {self.tile} keys and values are no whole number of beats of "
                f"{self.data_bits} bits"
            )

    @property
    def key_beats(self):
        """Beats of a key."""
        return self.inner * self.bits // self.data_bits

    @property
    def value_beats(self):
        """Beats of a value."""
        return self.features * self.bits // self.data_bits

    @property
    def size_beats(self):
        """Beats of the sizes of a tile, of keys and values together."""
        return 2 * self.tile * SIZE_BITS // self.data_bits if self.sized else 0

    @property
    def tile_beats(self):
        """Beats of a tile of one head."""
        return self.size_beats + self.tile * (self.key_beats + self.value_beats)

    @property
    def beat_bytes(self):
        """Bytes of a beat."""
        return self.data_bits // 8

    @property
    def bytes(self):
        """Bytes of the cache."""
        return self.kv_heads * self.tiles * self.tile_beats * self.beat_bytes

    def rows(self, *, value):
        """Return where the keys, or the values, of a tile lie."""
        beats = self.value_beats if value else self.key_beats
        before = self.size_beats + (self.tile * self.key_beats if value else 0)
        return KvRows(before * self.beat_bytes, beats * self.beat_bytes, beats)

    def sizes(self, *, value):
        """Return where the sizes of a tile's keys, or values, lie: bytes side by side."""
        return KvRows(self.tile if value else 0, 1, 1)

    def address(self, head, slot, rows):
        """Return the byte address of a slot's row of some kind."""
        tile, row = divmod(slot, self.tile)
        beats = (head * self.tiles + tile) * self.tile_beats
        return self.base + beats * self.beat_bytes + rows.first + row * rows.pitch
