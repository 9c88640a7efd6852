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

// Iterations [first, end) of a loop.
struct span {
  int first, end;
  constexpr int count() const { return end - first; }
};

struct work {
  int rows, row_elements;  // layout of the input: rows of elements in stream order
  loop row, column;        // output positions
  loop channel;
  loop outer, inner;       // reduce: kernel rows, kernel columns
  int outputs;             // results per channel iteration (mac)
  int elements;            // contiguous elements folded innermost (mac)
  int origin_y, origin_x;  // position of the first element; negative with padding
  int pad;                 // code of a padding element
  int history;             // the first rows are the last ones of the tensors before
  int missing;             // elements that are padding in the first tensor of a sequence
  int mirror;              // elements of a column, if places outside are reflected; else 0
  bool own_columns;        // each column has weights and biases of its own (mac)

  constexpr position at(int r, int c, int g) const {
    return {origin_y + r * row.dy + c * column.dy + g * channel.dy,
            origin_x + r * row.dx + c * column.dx + g * channel.dx};
  }
  constexpr bool inside(int y, int x) const {
    return y >= 0 && y < rows && x >= 0 && x < row_elements;
  }
  constexpr int index(int y, int x) const { return y * row_elements + x; }

  // The place that (y, x) stands for: as far inside of the edge, if places outside are reflected.
  constexpr position seen(int y, int x) const {
    if (mirror == 0) return {y, x};
    const int last = rows - 1;
    const int left = x < 0 ? (mirror - 1 - x) / mirror : 0;  // columns outside
    const int right = x >= row_elements ? (x - row_elements) / mirror + 1 : 0;
    return {y < 0 ? -y : y > last ? 2 * last - y : y, x + 2 * mirror * (left - right)};
  }
  // Sets of weights, and that of a column.
  constexpr int sets() const { return own_columns ? column.count : 1; }
  constexpr int set(int c) const { return own_columns ? c : 0; }
  constexpr int size() const { return rows * row_elements; }
  constexpr int fresh() const { return (rows - history) * row_elements; }
  constexpr int results() const { return row.count * column.count * channel.count * outputs; }

  // Iterations of a loop whose elements [start, start + width) meet [0, limit), at least one.
  static constexpr span meeting(int start, int count, int step, int width, int limit) {
    if (step <= 0) return span{0, count};
    int first = 0, end = 0;
    for (int i = 0; i < count; ++i) {
      const bool meets = start + i * step + width > 0 && start + i * step < limit;
      if (meets && end == 0) first = i;
      if (meets) end = i + 1;
    }
    return end == 0 ? span{0, 1} : span{first, end};
  }

  // The kernel rows of position (r, c) that are not in padding.
  constexpr span real_rows(int r) const {
    return meeting(origin_y + r * row.dy, outer.count, outer.dy, 1, rows);
  }
  // Its kernel columns; those of all convolution groups lie side by side.
  constexpr span real_columns(int c) const {
    const int width = (channel.count - 1) * channel.dx + elements;
    return meeting(origin_x + c * column.dx, inner.count, inner.dx, width, row_elements);
  }
  // Its words of `size` elements, where a kernel row is one segment.
  constexpr span real_words(int c, int size) const {
    const int words = (elements + size - 1) / size;
    const int start = origin_x + c * column.dx;
    if (start + elements <= 0) return span{0, 1};
    return meeting(start, words, size, size, row_elements);
  }

  // Index after the last element that a position can touch.
  constexpr int need(int r, int c) const {
    const position p = at(r, c, channel.count - 1);
    const int y = p.y + (outer.count - 1) * outer.dy + (inner.count - 1) * inner.dy;
    const int x = p.x + (outer.count - 1) * outer.dx + (inner.count - 1) * inner.dx + elements;
    if (y < 0 && mirror == 0) return 0;
    const int bottom = y < rows ? y : rows - 1;
    const int first = mirror == 0 ? history : -origin_y;  // a reflected row
    const int last = bottom < first ? first : bottom;
    const int end = x < row_elements ? x : row_elements;
    const int least = mirror != 0 && origin_x < 0 ? mirror - origin_x : 0;
    return index(last, end > least ? end : least);
  }

  // Elements before the first row that the next row of positions reads; after the last, all
  // but the history of the next tensor.
  constexpr int release(int r) const {
    if (r == row.count - 1) return fresh();
    const int next = origin_y + (r + 1) * row.dy;
    const int bottom = origin_y + (row.count - 1) * row.dy + (outer.count - 1) * outer.dy;
    const int most = mirror == 0 ? rows - history : seen(bottom < rows ? rows - 1 : bottom, 0).y;
    return (next < 0 ? 0 : next < most ? next : most) * row_elements;
  }
};

}  // namespace hwgen
