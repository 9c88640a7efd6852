// max_pool2d: y[c] = the largest code of channel c in the window; scales keep the order.
#pragma once

#include "hwgen/pooling.hpp"

namespace hwgen {

template <class C>
void max_pool2d(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
                hls::stream<beat<typename C::Out, C::L>>& out) {
  vector<C, max_fold>(in, out);
}

}  // namespace hwgen
