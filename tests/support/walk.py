"""Execute a Work literally, one Python integer at a time: the contract that engines meet.

Nothing here knows an op: only loops, ports, streams, weights in stream order, requantisation.
"""

from itertools import product

from support.rows import normalized, shares, transformed

_WHOLE_ROWS = {"norm": normalized, "softmax": shares, "hadamard": transformed}


def requantise(acc, requant, factor=0):
    """Return one code; ``factor`` picks the multiplier where there are several."""
    multiplier = int(requant.multiplier[factor if requant.multiplier.size > 1 else 0])
    offset = int(requant.offset[factor if requant.offset.size > 1 else 0])
    return finish(acc * multiplier + offset, requant)


def finish(scaled, requant):
    """Return the code of a multiplied value: floor(scaled / 2**s + 1/2), offset, clamp."""
    shift = requant.shift
    rounded = (2 * scaled + (1 << shift)) // (2 << shift)
    return min(max(rounded + requant.zero_point, requant.low), requant.high)


def gathered(lowered, values, place, feature):
    """Return one feature of the row that an id picks, moved by the id's place."""
    (number,) = values
    table = lowered.constants["table"]
    code = int(table[min(number, len(table) - 1)][feature])
    if "position" in lowered.constants:
        code += int(lowered.constants["position"][place][feature])
    return min(max(code, lowered.attrs["low"]), lowered.attrs["high"])


def reflected(place, size):
    """Return the place as far inside of ``range(size)`` as ``place`` is outside."""
    while not 0 <= place < size:
        place = -place if place < 0 else 2 * (size - 1) - place
    return place


def walk(work, streams, lowered, stream_weights=None, turns=None):
    """Return the results in stream order as a list of int.

    Parameters
    ----------
    streams
        One list of int per port, in stream order.
    stream_weights
        Nested (output channel, segment, element) for ``mac``.
    turns
        For ``rope``: factors of both elements of a result by its (row, column, channel).
    """
    requant = lowered.requant

    def done(value, factor=0):
        return int(value) if requant is None else requantise(int(value), requant, factor)

    def read(port, y, x):
        layout = work.ports[port]
        if work.mirror:
            column, element = divmod(x, work.mirror)
            column = reflected(column, layout.row // work.mirror)
            place = reflected(y, layout.rows) * layout.row + column * work.mirror + element
            return int(streams[port][place])
        if not (0 <= y < layout.rows and 0 <= x < layout.row):
            return work.pad
        return int(streams[port][y * layout.row + x])

    results = []
    if work.kind == "concat":
        for row in range(work.row.count):
            y = work.origin[0] + row * work.row.dy
            for port, layout in enumerate(work.ports):
                results += [done(read(port, y, x), port) for x in range(layout.row)]
        return results

    if work.kind in _WHOLE_ROWS:
        whole = _WHOLE_ROWS[work.kind]
        for row in range(work.row.count):
            y, x = work.origin[0] + row * work.row.dy, work.origin[1] + row * work.row.dx
            places = [(y, x + k * work.channel.dx) for k in range(work.channel.count)]
            results += whole([read(0, *place) for place in places], lowered)
        return results

    outer = (work.row, work.column, work.channel)
    segments = list(product(*(range(loop.count) for loop in work.reduce)))
    for index in product(*(range(loop.count) for loop in outer)):
        at_y = work.origin[0] + sum(i * loop.dy for i, loop in zip(index, outer, strict=True))
        at_x = work.origin[1] + sum(i * loop.dx for i, loop in zip(index, outer, strict=True))
        window = []
        for segment in segments:
            y = at_y + sum(i * loop.dy for i, loop in zip(segment, work.reduce, strict=True))
            x = at_x + sum(i * loop.dx for i, loop in zip(segment, work.reduce, strict=True))
            window.append([(y, x + element) for element in range(work.elements)])
        for output in range(work.outputs):
            if work.kind == "mac":
                channel = index[2] * work.outputs + output
                if work.own_columns:
                    channel += index[1] * work.channel.count * work.outputs
                acc = int(lowered.constants["bias"][channel])
                for positions, row in zip(window, stream_weights[channel], strict=True):
                    for (y, x), weight in zip(positions, row, strict=True):
                        acc += read(0, y, x) * int(weight)
                results.append(done(acc, channel))
                continue
            values = [read(0, y, x) for positions in window for y, x in positions]
            match work.kind:
                case "sum":
                    results.append(done(sum(values)))
                case "max":
                    results.append(done(max(values)))
                case "argmax":
                    results.append(values.index(max(values)))
                case "copy":
                    (value,) = values
                    results.append(done(value))
                case "add":
                    ((y, x),) = window[0]
                    total = int(requant.offset[0]) + sum(
                        read(port, y, x) * int(factor)
                        for port, factor in enumerate(requant.multiplier)
                    )
                    results.append(finish(total, requant))
                case "table":
                    (value,) = values
                    results.append(int(lowered.constants["table"][value - lowered.attrs["low"]]))
                case "mul":
                    ((y, x),) = window[0]
                    left, right = (
                        read(port, y, x) - zero for port, zero in enumerate(lowered.attrs["zeros"])
                    )
                    results.append(done(left * right))
                case "rope":
                    centred = [value - lowered.attrs["zero"] for value in values]
                    pairs = zip(centred, turns(*index), strict=True)
                    results.append(done(sum(value * factor for value, factor in pairs)))
                case "gather":
                    results.append(gathered(lowered, values, index[0], index[2]))
                case _:
                    raise AssertionError(work.kind)
    return results
