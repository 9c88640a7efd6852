// mul: y = clamp((((x_0 - z_0) * (x_1 - z_1) * M) rounded >> shift) + zero_point)
#pragma once

#include "hwgen/feed.hpp"
#include "hwgen/memory.hpp"
#include "hwgen/vector.hpp"

namespace hwgen {

// A code less its zero point, which has at most 16 bits.
template <class T>
auto centred(const T& code, int zero) -> decltype(code - ap_int<18>(zero)) {
#pragma HLS inline
  return code - ap_int<18>(zero);
}

// C holds Acc, Out, L, shape(), scale(), MULTIPLIER and zero(input).
template <class C, class Left, class Right>
void mul(hls::stream<beat<typename C::Out, C::L>>& out, hls::stream<Left>& left,
         hls::stream<Right>& right) {
  constexpr work w = C::shape();
  constexpr scaling s = C::scale();
  feed<Left, C::L> left_held;
  feed<Right, C::L> right_held;
beats:
  for (int i = 0; i < w.results(); i += C::L) {
#pragma HLS pipeline
    typename feed<Left, C::L>::element a[C::L];
    typename feed<Right, C::L>::element b[C::L];
    left_held.next(left, a);
    right_held.next(right, b);
    beat<typename C::Out, C::L> packed;
    for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
      const typename C::Acc product = centred(a[l], C::zero(0)) * centred(b[l], C::zero(1));
      packed.lane[l] = scale<typename C::Out>(product, C::MULTIPLIER, 0, s);
    }
    out.write(packed);
  }
}

// What the engine of a sequential accelerator is to do in one phase.
struct mul_task {
  int elements;
  int read[2];        // addresses of the input tensors
  bool is_signed[2];  // of their codes
  int write;
  int zero[2];
  int multiplier;
  scaling scale;
};

// C holds In, Acc and Result.
template <class C, int BITS, int SIZE>
void shared_mul(ap_uint<BITS> (&memory)[SIZE], const mul_task& task) {
#pragma HLS inline off
  const stored<typename C::In, BITS, SIZE> left = {memory, task.read[0], task.is_signed[0]};
  const stored<typename C::In, BITS, SIZE> right = {memory, task.read[1], task.is_signed[1]};
elements:
  for (int i = 0; i < task.elements; ++i) {
#pragma HLS pipeline II = 2
    const typename C::Acc product =
        centred(left.read(i), task.zero[0]) * centred(right.read(i), task.zero[1]);
    const typename C::Result code =
        scale<typename C::Result>(product, ap_uint<16>(task.multiplier), 0, task.scale);
    memory[task.write + i] = ap_uint<BITS>(code);
  }
}

}  // namespace hwgen
