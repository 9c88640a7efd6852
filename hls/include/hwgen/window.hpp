// The window buffer of an engine: a circular memory that holds what its position still needs.
#pragma once

#include "hwgen/check.hpp"
#include "hwgen/stream.hpp"

namespace hwgen {

// Elements of type T arrive in beats of L; DEPTH of them fit, spread over BANKS memories.
// Indices count elements of the tensor in stream order.  L divides DEPTH.
template <class T, int L, int DEPTH, int BANKS>
class window {
  static_assert(DEPTH % L == 0, "a beat must not straddle the end of the memory");

 public:
  window() : written_(0), released_(0), base_(0), slot_(0) {}

  // Take beats until the element before `need` is there.
  void fill(hls::stream<beat<T, L>>& in, int need) {
#pragma HLS inline
#pragma HLS array_partition variable = memory_ type = cyclic factor = BANKS
    while (written_ < need) {
#pragma HLS pipeline II = 1
      const beat<T, L> next = in.read();
      HWGEN_CHECK(written_ + L - released_ <= DEPTH, "a window buffer of the plan is too small");
      for (int l = 0; l < L; ++l) {
#pragma HLS unroll
        memory_[slot_ + l] = next.lane[l];
      }
      slot_ = slot_ + L == DEPTH ? 0 : slot_ + L;
      written_ += L;
    }
  }

  // The element at `index`: written, and not released.
  T read(int index) const {
#pragma HLS inline
    HWGEN_CHECK(index >= released_ && index < written_, "read outside of the window buffer");
    const int offset = index - base_;
    return memory_[offset < DEPTH ? offset : offset - DEPTH];
  }

  // Give back the space of all elements before `end`.
  void release(int end) {
    released_ = end;
    if (released_ - base_ >= DEPTH) base_ += DEPTH;
  }

 private:
  T memory_[DEPTH];
  int written_, released_;
  int base_;  // index of the element that lies, or lay, at the start of the memory
  int slot_;  // where the next beat goes
};

}  // namespace hwgen
