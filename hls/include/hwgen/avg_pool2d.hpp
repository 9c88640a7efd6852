// avg_pool2d: y[c] = requantise(sum of channel c in the window); M / 2**shift divides.
#pragma once

#include "hwgen/pooling.hpp"

namespace hwgen {

template <class C>
void avg_pool2d(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
                hls::stream<beat<typename C::Out, C::L>>& out) {
  vector<C, sum_fold>(in, out);
}

}  // namespace hwgen
