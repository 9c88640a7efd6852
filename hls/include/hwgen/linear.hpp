// linear: y[t][o] = requantise(bias[o] + sum over i of x[t][i] * weight[o][i]), t the tokens
#pragma once

#include "hwgen/mac.hpp"

namespace hwgen {

// A row is one segment, held while the groups of outputs walk over it: a token of a sequence,
// or the whole input.
template <class C, int WORDS, int WEIGHTS, int GROUPS>
void linear(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
            hls::stream<beat<typename C::Out, C::L>>& out,
            const rom<typename C::Weight> (&weight)[WORDS][WEIGHTS],
            const rom<typename C::Acc> (&bias)[GROUPS][C::G * C::PO],
            const rom<ap_uint<16>> (&multiplier)[GROUPS][C::G * C::PO]) {
  static_assert(C::shape().column.count == 1, "one position in a row");
  mac<C>(in, out, weight, bias, multiplier);
}

}  // namespace hwgen
