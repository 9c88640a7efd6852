// relu: y = max(x, code of zero): a copy whose clamp starts at the zero point.
#pragma once

#include "hwgen/vector.hpp"

namespace hwgen {

template <class C>
void relu(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
          hls::stream<beat<typename C::Out, C::L>>& out) {
  vector<C, copy_fold>(in, out);
}

}  // namespace hwgen
