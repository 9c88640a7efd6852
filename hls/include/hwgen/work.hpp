// An op as nested loops over its input in stream order: the twin of hwgen/ops/work.py.
//
// For each row, column and channel iteration: fold the elements that the two reduce loops and
// the `elements` contiguous ones reach, for each of `outputs` results.  An element outside its
// row or outside the tensor is padding.
#pragma once

namespace hwgen {

// `count` iterations; each moves the read position by dy rows and dx elements.
struct loop {
  int count, dy, dx;
};

struct position {
  int y, x;
};

struct work {
  int rows, row_elements;  // layout of the input tensor: rows of elements in stream order
  loop row, column;        // output positions
  loop channel;
  loop outer, inner;       // reduce: kernel rows, kernel columns
  int outputs;             // results per channel iteration (mac)
  int elements;            // contiguous elements folded innermost (mac)
  int origin_y, origin_x;  // position of the first element; negative with padding
  int pad;                 // code of a padding element

  constexpr position at(int r, int c, int g) const {
    return {origin_y + r * row.dy + c * column.dy + g * channel.dy,
            origin_x + r * row.dx + c * column.dx + g * channel.dx};
  }
  constexpr bool inside(int y, int x) const {
    return y >= 0 && y < rows && x >= 0 && x < row_elements;
  }
  constexpr int index(int y, int x) const { return y * row_elements + x; }
  constexpr int size() const { return rows * row_elements; }
  constexpr int results() const { return row.count * column.count * channel.count * outputs; }

  // Index after the last element that a position can touch.
  constexpr int need(int r, int c) const {
    const position p = at(r, c, channel.count - 1);
    const int y = p.y + (outer.count - 1) * outer.dy + (inner.count - 1) * inner.dy;
    const int x = p.x + (outer.count - 1) * outer.dx + (inner.count - 1) * inner.dx + elements;
    if (y < 0) return 0;
    const int last = y < rows ? y : rows - 1;
    const int end = x < row_elements ? x : row_elements;
    return index(last, end > 0 ? end : 0);
  }

  // Elements before the first row that the next row of positions reads; after the last, all.
  constexpr int release(int r) const {
    if (r == row.count - 1) return size();
    const int next = origin_y + (r + 1) * row.dy;
    return (next < 0 ? 0 : next) * row_elements;
  }
};

}  // namespace hwgen
