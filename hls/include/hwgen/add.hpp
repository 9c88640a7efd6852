// add: y = clamp(((sum over the inputs of x_k * M_k + offset) rounded >> shift) + zero_point)
//
// Every input has a scale of its own; the sum is rounded once.
#pragma once

#include "hwgen/feed.hpp"
#include "hwgen/scaling.hpp"
#include "hwgen/work.hpp"

namespace hwgen {

template <class C>
void add_terms(int, typename C::Acc (&)[C::L], feeds<C::L>&) {}

// Add the next L elements of each stream, scaled by the factors from number k on.
template <class C, class First, class... Rest>
void add_terms(int k, typename C::Acc (&acc)[C::L], feeds<C::L, First, Rest...>& held,
               hls::stream<First>& in, hls::stream<Rest>&... rest) {
#pragma HLS inline
  typename feed<First, C::L>::element x[C::L];
  held.first.next(in, x);
  for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
    acc[l] += x[l] * ap_uint<16>(C::multiplier(k));
  }
  add_terms<C>(k + 1, acc, held.rest, rest...);
}

// C holds Acc, Out, L, shape(), scale(), OFFSET and multiplier(input).
template <class C, class... Beats>
void add(hls::stream<beat<typename C::Out, C::L>>& out, hls::stream<Beats>&... in) {
  constexpr work w = C::shape();
  constexpr scaling s = C::scale();
  feeds<C::L, Beats...> held;
beats:
  for (int i = 0; i < w.results(); i += C::L) {
#pragma HLS pipeline
    typename C::Acc acc[C::L];
    for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
      acc[l] = C::OFFSET;
    }
    add_terms<C>(0, acc, held, in...);
    beat<typename C::Out, C::L> packed;
    for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
      packed.lane[l] = finish<typename C::Out>(acc[l], s);
    }
    out.write(packed);
  }
}

}  // namespace hwgen
