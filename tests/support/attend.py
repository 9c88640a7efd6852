"""Attention and products of activations, one Python integer at a time, from docs/attention.md.

Nothing here knows NumPy or an op: only `Work.attend`, streams, and integers of any size, whose
widths are asserted.
"""

from math import log2

from support.walk import requantise

LOGS = [0] * 7 + [int(64 * log2(128 / a) + 0.5) for a in range(7, 129)]
TABLE = [int(4080 * 2 ** (-r / 64) + 0.5) for r in range(64)]


def round_shift(value, shift):
    return (2 * value + (1 << shift)) // (2 << shift)


def rs(value, shift):
    return 0 if shift > 31 else round_shift(value, shift)


def numerators(y, seen, m):
    parts = []
    for one, sees in zip(y, seen, strict=True):
        d = (m << 6) - one
        i = d >> 6
        parts.append((TABLE[d & 63] + (1 << (i + 3))) >> (i + 4) if sees and i <= 9 else 0)
    assert 0 <= min(parts) <= max(parts) <= 255
    return parts


class Query:
    """The state of one query of one head."""

    def __init__(self, features):
        self.sums, self.total, self.exponent = [0] * features, 0, -2048

    def tile(self, y, seen, values, lowered=None):
        visible = [one for one, sees in zip(y, seen, strict=True) if sees]
        if not visible:
            return
        m = (max(visible) + 63) >> 6
        parts = numerators(y, seen, m)
        total = sum(parts)
        if lowered:
            parts = numerators([a - b for a, b in zip(y, lowered, strict=True)], seen, m)
        over = self.total >= 1 << 23
        joint = max(self.exponent + over, m)
        for f in range(len(self.sums)):
            p = sum(part * row[f] for part, row in zip(parts, values, strict=True))
            self.sums[f] = rs(self.sums[f], joint - self.exponent) + rs(p << 8, joint - m)
            assert -(1 << 31) <= self.sums[f] < 1 << 31
        self.total = rs(self.total, joint - self.exponent) + rs(total << 8, joint - m)
        assert 0 <= self.total < 1 << 24
        self.exponent = joint
        assert -4096 <= joint < 4096

    def finish(self):
        """Return the results times 2**16, in codes of the values."""
        if self.exponent == -2048:
            return [0] * len(self.sums)
        k = self.total.bit_length() - 1
        reciprocal = (1 << (k + 17)) // self.total
        assert reciprocal <= 1 << 17
        return [round_shift(one * reciprocal, k + 1) for one in self.sums]


class PlainAttention:
    """The node of a `Work`, tensor by tensor after reset, with its cache in real slots."""

    def __init__(self, work, lowered):
        self.attend, self.lowered = work.attend, lowered
        self.ports = work.ports
        self.start = -(-work.attend.sinks // work.attend.tile) * work.attend.tile
        self.slots = self._empty()  # (position, key row, value row)
        self.tokens = 0
        self.masked = 0

    def tensor(self, streams):
        """Return the results of one tensor in stream order; ``streams`` has a list per port."""
        a = self.attend
        rows = [
            [stream[r * port.row : (r + 1) * port.row] for r in range(port.rows)]
            for port, stream in zip(self.ports, streams, strict=True)
        ]
        length = rows[-1][0][0] if a.padded else float("inf")
        first = self.tokens if a.cached else a.keys - a.queries
        if not a.cached:
            self.slots = self._empty()
        for token, (key, value) in enumerate(zip(rows[1], rows[2], strict=True)):
            position = self.tokens + token if a.cached else token
            if a.kv4:
                key, value = self._packed(key, self._mean), self._packed(value, [0] * len(value))
            self.slots[self._slot(position)] = (position, key, value)
        self.tokens += a.queries
        results = []
        for token in range(a.queries):
            for head in range(a.heads):
                results += self._query(rows, token, first + token, head, length)
        return results

    @property
    def _mean(self):
        return self.lowered.constants["key_mean"].tolist()

    def _packed(self, row, mean):
        """Return the 4-bit codes of a row, and each head's size behind them."""
        size = len(row) // self.attend.kv_heads
        rest = [x - mu for x, mu in zip(row, mean, strict=True)]
        heads = [rest[start : start + size] for start in range(0, len(row), size)]
        sizes = [max(7, *map(abs, head)) for head in heads]
        codes = []
        for head, a in zip(heads, sizes, strict=True):
            codes += [round_shift(x * ((2 * 7 * 65536 + a) // (2 * a)), 16) for x in head]
        assert max(map(abs, codes)) <= 7
        return codes + sizes

    def _empty(self):
        gap = 0 if self.attend.cached else self.start - self.attend.sinks
        return [None] * (self.attend.keys + gap)

    def _slot(self, position):
        a = self.attend
        if position < a.sinks:
            return position
        if not a.window or not a.cached:
            return self.start + position - a.sinks
        return self.start + (position - a.sinks) % (a.keys - self.start)

    def _sees(self, key, query, length):
        a = self.attend
        if key >= length:
            return False
        if a.causal and key > query:
            return False
        return not a.window or key < a.sinks or key > query - a.window

    def _query(self, rows, token, position, head, length):
        a, attrs = self.attend, self.lowered.attrs
        kv = head // (a.heads // a.kv_heads)
        state = Query(a.features)
        for start in range(0, len(self.slots), a.tile):
            sinks = a.sink_queries and start < a.sinks
            query = rows[3 if sinks else 0][token][head * a.inner : (head + 1) * a.inner]
            factor = attrs["sink_multiplier" if sinks else "score_multiplier"]
            y, seen, values, lowered = [], [], [], []
            for slot in self.slots[start : start + a.tile]:
                # An empty slot; sizes are those of no row.
                empty = [0] * (max(a.inner, a.features) * a.kv_heads) + [7] * a.kv_heads
                place, key, value = slot or (0, empty, empty)
                score = sum(
                    q * k
                    for q, k in zip(query, key[kv * a.inner : (kv + 1) * a.inner], strict=True)
                )
                each = factor
                if a.kv4:
                    each = round_shift(factor * key[a.inner * a.kv_heads + kv], 8)
                    assert each < 1 << 16
                    lowered.append(LOGS[value[a.features * a.kv_heads + kv]])
                scaled = round_shift(score * each, attrs["score_shift"])
                y.append(min(max(scaled, -131008), 131008))
                seen.append(slot is not None and self._sees(place, position, length))
                values.append(value[kv * a.features : (kv + 1) * a.features])
            state.tile(y, seen, values, lowered)
        self.masked += state.exponent == -2048
        return [requantise(one, self.lowered.requant) for one in state.finish()]


def plain_matmul(work, lowered, streams):
    """Return the results of a `matmul` work in stream order."""
    a = work.attend
    results = []
    for row in range(a.queries):
        left = streams[0][row * a.inner : (row + 1) * a.inner]
        for f in range(a.features):
            if a.transposed:
                right = streams[1][f * a.inner : (f + 1) * a.inner]
            else:
                right = streams[1][f :: a.features]
            total = sum(x * y for x, y in zip(left, right, strict=True))
            results.append(requantise(total, lowered.requant))
    return results
