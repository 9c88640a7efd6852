// The shared buffer of a sequential accelerator: tensors lie in it one beside the other.
//
// A word holds a code extended by its sign, or by zeros, to the width of the widest tensor.
#pragma once

#include "hwgen/check.hpp"
#include "hwgen/link.hpp"
#include "hwgen/work.hpp"

namespace hwgen {

// A tensor in the buffer as a source of operands; its first `missing` elements read as `pad`.
template <class In, int BITS, int SIZE>
struct stored {
  const ap_uint<BITS> (&memory)[SIZE];
  int address;
  bool is_signed;
  int missing = 0;
  int pad = 0;

  In read(int index) const {
#pragma HLS inline
    if (index < missing) return In(pad);
    HWGEN_CHECK(address + index < SIZE, "read outside of the shared buffer");
    const ap_uint<BITS> word = memory[address + index];
    return is_signed ? In(ap_int<BITS>(word)) : In(word);
  }
};

// How many of the elements at the start of a sequence a task has passed: counted up to those that
// it misses.  It sees rows of earlier tensors, and at first there are none.
struct passed {
  int elements;

  int missing(const work& w) const { return w.missing - elements; }
  void next(const work& w) {
    const int gone = elements + w.fresh();
    elements = gone < w.missing ? gone : w.missing;
  }
};

// Where results go: densely, or row by row at a distance (concat interleaves its inputs).
struct destination {
  int address, stride, row_results;

  int at(int row, int index) const {
#pragma HLS inline
    return address + row * (stride == 0 ? row_results : stride) + index;
  }
};

// Input stream to buffer: beats of L codes of type T.
template <class T, int CODE, int L, long long ZERO, int BITS, int SIZE>
void load(hls::stream<axis_beat<CODE * L>>& in, ap_uint<BITS> (&memory)[SIZE], int address,
          int beats) {
#pragma HLS inline off
  entry<T, CODE, L, ZERO> source(in);
  for (int i = 0; i < beats; ++i) {
#pragma HLS pipeline II = 1
    const beat<T, L> lanes = source.next();
    for (int l = 0; l < L; ++l) {
#pragma HLS unroll
      memory[address + i * L + l] = ap_uint<BITS>(lanes.lane[l]);
    }
  }
  source.drop();
}

// Buffer to output stream.
template <class T, int CODE, int L, int BITS, int SIZE>
void store(const ap_uint<BITS> (&memory)[SIZE], int address, int beats,
           hls::stream<axis_beat<CODE * L>>& out) {
#pragma HLS inline off
  for (int i = 0; i < beats; ++i) {
#pragma HLS pipeline II = 1
    beat<T, L> lanes;
    for (int l = 0; l < L; ++l) {
#pragma HLS unroll
      lanes.lane[l] = T(memory[address + i * L + l]);
    }
    out.write(transfer<CODE * L>(pack<CODE>(lanes), i == beats - 1));
  }
}

}  // namespace hwgen
