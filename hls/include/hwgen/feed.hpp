// Elements of a stream, V at a time, whatever the lanes of its beats.
#pragma once

#include "hwgen/stream.hpp"

namespace hwgen {

// L and V are powers of two; elements keep their order.
template <class T, int L, int V>
class feed {
 public:
  using element = T;

  explicit feed(hls::stream<beat<T, L>>& in) : in_(in), left_(0) {}

  void next(T (&x)[V]) {
#pragma HLS inline
#pragma HLS array_partition variable = held_ type = complete
    for (int first = 0; first < V; first += (L < V ? L : V)) {
      if (left_ == 0) {
        const beat<T, L> taken = in_.read();
        for (int l = 0; l < L; ++l) {
#pragma HLS unroll
          held_[l] = taken.lane[l];
        }
        left_ = L;
      }
      for (int l = 0; l < (L < V ? L : V); ++l) {
#pragma HLS unroll
        x[first + l] = held_[L - left_ + l];
      }
      left_ -= L < V ? L : V;
    }
  }

 private:
  hls::stream<beat<T, L>>& in_;
  T held_[L];
  int left_;
};

}  // namespace hwgen
