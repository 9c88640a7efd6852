// conv_phase2d: one row phase of a transposed convolution.  The column phases of a position are
// results like channels, each with its own taps:
// y[r][q * stride + b][o] = requantise(bias[b][o] + sum of x[r + i][q + first + j] * w[b][o][i][j])
//
// In two halves, the second half of the phases looks one column further.  Convolution groups are
// side by side, as in conv2d, and have one phase.  Elements outside of
// the image read as the input's zero point; the zeros of an up-sampled input are never read.
#pragma once

#include "hwgen/mac.hpp"

namespace hwgen {

template <class C, int WORDS, int WEIGHTS, int GROUPS>
void conv_phase2d(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
                  hls::stream<beat<typename C::Out, C::L>>& out,
                  const rom<typename C::Weight> (&weight)[WORDS][WEIGHTS],
                  const rom<typename C::Acc> (&bias)[GROUPS][C::G * C::PO],
                  const rom<ap_uint<16>> (&multiplier)[GROUPS][C::G * C::PO]) {
  static_assert(C::shape().inner.count > 1 || C::shape().channel.count <= 2 ||
                    C::shape().elements == C::shape().channel.dx,
                "groups, or all phases, or two halves of them");
  static_assert(C::T == 1 || C::T == C::shape().outer.count, "one kernel row at once, or all");
  mac<C>(in, out, weight, bias, multiplier);
}

}  // namespace hwgen
