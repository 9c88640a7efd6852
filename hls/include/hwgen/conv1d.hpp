// conv1d: y[t][o] = requantise(bias[o] + sum over taps j of x[t * stride + j * dilation] * w[o][j])
//
// Tokens outside of the sequence read as the input's zero point.  A row is a token, a segment a
// tap; the window buffer keeps the tokens that later windows need, and no more.
#pragma once

#include "hwgen/mac.hpp"

namespace hwgen {

template <class C, int WORDS, int WEIGHTS, int GROUPS>
void conv1d(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
            hls::stream<beat<typename C::Out, C::L>>& out,
            const rom<typename C::Weight> (&weight)[WORDS][WEIGHTS],
            const rom<typename C::Acc> (&bias)[GROUPS][C::G * C::PO],
            const rom<ap_uint<16>> (&multiplier)[GROUPS][C::G * C::PO]) {
  static_assert(C::T == 1 || C::T == C::shape().outer.count, "one tap at once, or all");
  static_assert(C::shape().column.count == 1, "one position in a row");
  mac<C>(in, out, weight, bias, multiplier);
}

}  // namespace hwgen
