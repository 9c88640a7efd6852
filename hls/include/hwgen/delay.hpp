// delay: y[r] = x[r - rows], where rows before the first are the last ones of earlier tensors; code
// of zero before the first tensor.
#pragma once

#include "hwgen/vector.hpp"

namespace hwgen {

// The window buffer keeps the rows that are still to leave.
template <class C>
void delay(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
           hls::stream<beat<typename C::Out, C::L>>& out) {
  vector<C, copy_fold>(in, out);
}

}  // namespace hwgen
