// global_max_pool: y[c] = the largest code of channel c.
#pragma once

#include "hwgen/pooling.hpp"

namespace hwgen {

template <class C>
void global_max_pool(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
                     hls::stream<beat<typename C::Out, C::L>>& out) {
  static_assert(C::shape().row.count * C::shape().column.count == 1, "one window");
  vector<C, max_fold>(in, out);
}

}  // namespace hwgen
