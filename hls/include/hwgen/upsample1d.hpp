// upsample1d: y[t * factor + k] = x[t], each run (a token, row or column) as often as the column
// loop says.
#pragma once

#include "hwgen/vector.hpp"

namespace hwgen {

template <class C>
void upsample1d(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
                hls::stream<beat<typename C::Out, C::L>>& out) {
  static_assert(C::shape().column.dx == 0, "columns repeat a run");
  vector<C, copy_fold>(in, out);
}

}  // namespace hwgen
