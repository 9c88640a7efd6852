// concat: for every pixel the channels of the first input, then those of the second, ...;
// each input is requantised to the common output type.
#pragma once

#include "hwgen/feed.hpp"
#include "hwgen/scaling.hpp"
#include "hwgen/vector.hpp"
#include "hwgen/work.hpp"

namespace hwgen {

template <class C>
void concat_rows(int, hls::stream<beat<typename C::Out, C::L>>&, feeds<C::L>&) {}

// Send one row of each stream, scaled by the factors from number k on.
template <class C, class First, class... Rest>
void concat_rows(int k, hls::stream<beat<typename C::Out, C::L>>& out,
                 feeds<C::L, First, Rest...>& held, hls::stream<First>& in,
                 hls::stream<Rest>&... rest) {
#pragma HLS inline
  constexpr scaling s = C::scale();
  for (int i = 0; i < C::elements(k); i += C::L) {
#pragma HLS pipeline II = 1
    typename feed<First, C::L>::element x[C::L];
    held.first.next(in, x);
    beat<typename C::Out, C::L> packed;
    for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
      packed.lane[l] = scale<typename C::Out>(typename C::Acc(x[l]), ap_uint<16>(C::multiplier(k)),
                                              C::offset(k), s);
    }
    out.write(packed);
  }
  concat_rows<C>(k + 1, out, held.rest, rest...);
}

// C holds Acc, Out, L, shape(), scale(), and by input elements(), multiplier(), offset().
template <class C, class... Beats>
void concat(hls::stream<beat<typename C::Out, C::L>>& out, hls::stream<Beats>&... in) {
  constexpr work w = C::shape();
  feeds<C::L, Beats...> held;
rows:
  for (int r = 0; r < w.row.count; ++r) concat_rows<C>(0, out, held, in...);
}

}  // namespace hwgen
