// The steps of a group: which elements of its window an engine takes one after the other.
#pragma once

#include "hwgen/work.hpp"

namespace hwgen {

constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }

// The steps of a group: groups of kernel rows, kernel columns, words of a segment.
struct steps {
  span rows, columns, words;
  constexpr int count() const { return rows.count() * columns.count() * words.count(); }
};

// All steps, or those that do not lie in padding, of a group at (r, c), `rows` and `elements` at
// once.
inline steps steps_at(const work& w, bool skip, int r, int c, int rows, int elements) {
#pragma HLS inline
  steps all = {{0, ceil_div(w.outer.count, rows)},
               {0, w.inner.count},
               {0, ceil_div(w.elements, elements)}};
  if (!skip) return all;
  if (rows == 1) all.rows = w.real_rows(r);
  if (w.inner.count > 1) {
    all.columns = w.real_columns(c);
  } else if (w.channel.count == 1) {
    all.words = w.real_words(c, elements);
  }
  return all;
}

// The same of words that run on from one kernel row into the next.
inline steps flat_steps(const work& w, bool skip, int r, int elements) {
#pragma HLS inline
  span rows = {0, w.outer.count};
  if (skip) rows = w.real_rows(r);
  const span words = {rows.first * w.elements / elements, ceil_div(rows.end * w.elements, elements)};
  return {{0, 1}, {0, 1}, words};
}

// Which elements a step takes: group of kernel rows, kernel column, word of the segment.
struct step {
  int row, column, word;

  explicit step(const steps& s) : row(s.rows.first), column(s.columns.first), word(s.words.first) {}

  // Move on; the word is the fastest.
  void advance(const steps& s) {
#pragma HLS inline
    if (++word < s.words.end) return;
    word = s.words.first;
    if (++column < s.columns.end) return;
    column = s.columns.first;
    ++row;
  }

  // Its number among all steps, padding included.
  int index(const work& w, int elements) const {
#pragma HLS inline
    return (row * w.inner.count + column) * ceil_div(w.elements, elements) + word;
  }
};

}  // namespace hwgen
