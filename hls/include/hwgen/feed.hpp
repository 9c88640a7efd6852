// Elements of a stream, V at a time, whatever the lanes of its beats.
#pragma once

#include "hwgen/stream.hpp"

namespace hwgen {

template <class Beat, int V>
class feed;

// L and V are powers of two; elements keep their order.
template <class T, int L, int V>
class feed<beat<T, L>, V> {
 public:
  typedef T element;

  feed() : left_(0) {}

  void next(hls::stream<beat<T, L>>& in, T (&x)[V]) {
#pragma HLS inline
#pragma HLS array_partition variable = held_ type = complete
    constexpr int part = L < V ? L : V;
    for (int first = 0; first < V; first += part) {
      if (left_ == 0) {
        const beat<T, L> taken = in.read();
        for (int l = 0; l < L; ++l) {
#pragma HLS unroll
          held_[l] = taken.lane[l];
        }
        left_ = L;
      }
      for (int l = 0; l < part; ++l) {
#pragma HLS unroll
        x[first + l] = held_[L - left_ + l];
      }
      left_ -= part;
    }
  }

 private:
  T held_[L];
  int left_;
};

// One feed for each of several streams.
template <int V, class... Beats>
struct feeds {};

template <int V, class First, class... Rest>
struct feeds<V, First, Rest...> {
  feed<First, V> first;
  feeds<V, Rest...> rest;
};

}  // namespace hwgen
