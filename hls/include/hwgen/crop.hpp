// crop: y[r] = x[first + r] for the rows of the result.
#pragma once

#include "hwgen/vector.hpp"

namespace hwgen {

template <class C>
void crop(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
          hls::stream<beat<typename C::Out, C::L>>& out) {
  vector<C, copy_fold>(in, out);
}

}  // namespace hwgen
