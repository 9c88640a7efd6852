// conv2d: y[o, r, c] = requantise(bias[o] + sum over the window at (r, c) of x * weight[o])
//
// Padding reads as the input's zero point.  The window buffer keeps the rows that later
// positions need, and no more.
#pragma once

#include "hwgen/mac.hpp"

namespace hwgen {

template <class C, int WORDS, int WEIGHTS, int GROUPS>
void conv2d(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
            hls::stream<beat<typename C::Out, C::L>>& out,
            const rom<typename C::Weight> (&weight)[WORDS][WEIGHTS],
            const rom<typename C::Acc> (&bias)[GROUPS][C::G * C::PO],
            const rom<ap_uint<16>> (&multiplier)[GROUPS][C::G * C::PO]) {
  static_assert(C::T == 1 || C::T == C::shape().outer.count, "one kernel row at once, or all");
  mac<C>(in, out, weight, bias, multiplier);
}

}  // namespace hwgen
