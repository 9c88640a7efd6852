// Results by the codes of an input, in every lane: the engine behind gelu and silu.
#pragma once

#include "hwgen/feed.hpp"
#include "hwgen/rom.hpp"
#include "hwgen/work.hpp"

namespace hwgen {

// C holds In, Out, L, IN_LANES, shape() and LOW, the code whose result comes first.
template <class C, int WORDS>
void look_up(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
             hls::stream<beat<typename C::Out, C::L>>& out,
             const rom<typename C::Out> (&table)[1][WORDS]) {
  constexpr work w = C::shape();
  feed<beat<typename C::In, C::IN_LANES>, C::L> held;
beats:
  for (int i = 0; i < w.results(); i += C::L) {
#pragma HLS pipeline II = 1
    typename C::In x[C::L];
    held.next(in, x);
    beat<typename C::Out, C::L> packed;
    for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
      packed.lane[l] = table[0][x[l].to_int() - int(C::LOW)];
    }
    out.write(packed);
  }
}

}  // namespace hwgen
