// conv_transpose1d: the phases of a position are results like channels, each with its own taps:
// y[q * stride + b][o] = requantise(bias[b][o] + sum over taps j of x[q + first + j] * w[b][o][j])
//
// In two halves, the second one looks one token further.  With groups, the phases are columns that
// stand at one place, with weights of their own.  Tokens outside of the sequence read as the input's
// zero point; the zeros of an up-sampled input are never read.
#pragma once

#include "hwgen/mac.hpp"

namespace hwgen {

template <class C, int WORDS, int WEIGHTS, int GROUPS>
void conv_transpose1d(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
                      hls::stream<beat<typename C::Out, C::L>>& out,
                      const rom<typename C::Weight> (&weight)[WORDS][WEIGHTS],
                      const rom<typename C::Acc> (&bias)[GROUPS][C::G * C::PO],
                      const rom<ap_uint<16>> (&multiplier)[GROUPS][C::G * C::PO]) {
  static_assert(C::shape().channel.dx > 0 || C::shape().channel.count <= 2,
                "groups, or all phases, or two halves of them");
  static_assert(C::T == 1 || C::T == C::shape().outer.count, "one tap at once, or all");
  static_assert(C::shape().own_columns || C::shape().column.count == 1, "one position in a row");
  mac<C>(in, out, weight, bias, multiplier);
}

}  // namespace hwgen
