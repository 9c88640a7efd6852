// requantize: y = clamp(((x * M + offset) rounded >> shift) + zero_point): another type.
#pragma once

#include "hwgen/vector.hpp"

namespace hwgen {

template <class C>
void requantize(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
                hls::stream<beat<typename C::Out, C::L>>& out) {
  vector<C, copy_fold>(in, out);
}

}  // namespace hwgen
