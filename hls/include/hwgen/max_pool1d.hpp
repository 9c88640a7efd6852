// max_pool1d: y[t][c] = the largest code of feature c in the window of tokens at t.
#pragma once

#include "hwgen/pooling.hpp"

namespace hwgen {

template <class C>
void max_pool1d(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
                hls::stream<beat<typename C::Out, C::L>>& out) {
  static_assert(C::shape().inner.count == 1, "a window of tokens has one column");
  vector<C, max_fold>(in, out);
}

}  // namespace hwgen
