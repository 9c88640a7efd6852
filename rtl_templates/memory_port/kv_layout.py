"""Where the keys and values of an attention cache lie in external memory."""

from dataclasses import dataclass

__all__ = ["KvLayout"]


@dataclass(frozen=True)
class KvLayout:
    """A tile of one key head is one contiguous block, in the order in which the array takes it.

    ``[kv_head][tile][the tile's keys, slot by slot | its values, slot by slot]``, each row of
    ``inner`` or ``features`` codes of ``bits`` bits, the first code in the low bits.  So all tiles
    of a head are read in long bursts, and a new token is ``2 * kv_heads`` short writes.

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

    Raises
    ------
    ValueError
        If a row is no whole number of beats.
    """

    base: int
    kv_heads: int
    tiles: int
    tile: int
    inner: int
    features: int
    bits: int
    data_bits: int

    def __post_init__(self):
        for name, size in (("key", self.inner), ("value", self.features)):
            if size * self.bits % self.data_bits:
                raise ValueError(
                    f"A {name} of {size} codes of {self.bits} bits is no whole number of beats of "
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
    def tile_beats(self):
        """Beats of a tile of one head."""
        return self.tile * (self.key_beats + self.value_beats)

    @property
    def beat_bytes(self):
        """Bytes of a beat."""
        return self.data_bits // 8

    @property
    def bytes(self):
        """Bytes of the cache."""
        return self.kv_heads * self.tiles * self.tile_beats * self.beat_bytes

    def address(self, head, slot, value):
        """Return the byte address of a key's or a value's row."""
        tile, row = divmod(slot, self.tile)
        beats = (head * self.tiles + tile) * self.tile_beats
        beats += (
            self.tile * self.key_beats + row * self.value_beats if value else (row * self.key_beats)
        )
        return self.base + beats * self.beat_bytes
