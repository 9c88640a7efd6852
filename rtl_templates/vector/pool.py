"""The walk that max and average pooling share."""

from rtl_templates.memory.walk import Level, Walk

__all__ = ["pool_walk"]


def pool_walk(height, width, channels, *, kernel, stride, lanes):
    """Return the walk of windows without padding: the remainder at the end is not read."""
    rows = (height - kernel[0]) // stride[0] + 1
    columns = (width - kernel[1]) // stride[1] + 1
    if rows < 1 or columns < 1:
        raise ValueError(f"A {kernel} window does not fit a {height} x {width} image")
    if lanes < 1 or channels % lanes:
        raise ValueError(f"Lanes must divide the {channels} channels, not {lanes}")
    row = width * channels
    return Walk(
        elements=height * row,
        row=row,
        levels=(
            Level(rows, stride[0] * row),
            Level(columns, 0, stride[1] * channels),
            Level(channels // lanes, 0, lanes),
            Level(kernel[0], row),
            Level(kernel[1], 0, channels),
        ),
        group=2,
        reach=((kernel[0] - 1) * row, (kernel[1] - 1) * channels + channels - 1),
    )
