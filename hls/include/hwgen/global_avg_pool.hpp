// global_avg_pool: y[c] = requantise(sum of channel c); M / 2**shift divides by the positions.
#pragma once

#include "hwgen/pooling.hpp"

namespace hwgen {

template <class C>
void global_avg_pool(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
                     hls::stream<beat<typename C::Out, C::L>>& out) {
  static_assert(C::shape().row.count * C::shape().column.count == 1, "one window");
  vector<C, sum_fold>(in, out);
}

}  // namespace hwgen
