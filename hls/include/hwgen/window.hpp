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
  window() : window(0) {}
  // The first `history` elements count as written, though nobody may read them.
  explicit window(int history) : written_(history), released_(0), base_(history), slot_(0) {}

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
    return memory_[offset < 0 ? offset + DEPTH : offset < DEPTH ? offset : offset - DEPTH];
  }

  // Give back the space of all elements before `end`.
  void release(int end) {
    released_ = end;
    if (released_ - base_ >= DEPTH) base_ += DEPTH;
  }

  // Count from the element `fresh` on: the next tensor's first one, or that of its history.
  void next(int fresh) {
    written_ -= fresh;
    released_ -= fresh;
    base_ -= fresh;
  }

 private:
  T memory_[DEPTH];
  int written_, released_;
  int base_;  // index of the element that lies, or lay, at the start of the memory
  int slot_;  // where the next beat goes
};

// A window buffer that keeps the last `history` elements of a tensor for the next one.  The first
// `missing` elements that its reader sees when a sequence begins read as `pad`.
template <class T, int L, int DEPTH, int BANKS>
class recalling_window {
 public:
  recalling_window(int history, int missing, int pad)
      : window_(history), missing_(missing), pad_(pad) {}

  void fill(hls::stream<beat<T, L>>& in, int need) {
#pragma HLS inline
    window_.fill(in, need);
  }

  T read(int index) const {
#pragma HLS inline
    return index < missing_ ? pad_ : window_.read(index);
  }

  void release(int end) { window_.release(end); }

  // End a tensor: take what is left of `size` elements, and go on to the next one.
  void next(hls::stream<beat<T, L>>& in, int size, int fresh) {
    window_.fill(in, size);
    window_.next(fresh);
    missing_ = missing_ > fresh ? missing_ - fresh : 0;
  }

 private:
  window<T, L, DEPTH, BANKS> window_;
  int missing_;
  T pad_;
};

}  // namespace hwgen
