// avg_pool1d: y[t][c] = requantise(sum of feature c in the window at t); M / 2**shift divides.
#pragma once

#include "hwgen/pooling.hpp"

namespace hwgen {

template <class C>
void avg_pool1d(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
                hls::stream<beat<typename C::Out, C::L>>& out) {
  static_assert(C::shape().inner.count == 1, "a window of tokens has one column");
  vector<C, sum_fold>(in, out);
}

}  // namespace hwgen
