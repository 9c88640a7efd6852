// layer_norm: y = (x - mean) / sqrt(variance + eps) * weight + bias, row by row
#pragma once

#include "hwgen/normalize.hpp"

namespace hwgen {

template <class C, int BEATS>
void layer_norm(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
                hls::stream<beat<typename C::Out, C::L>>& out,
                const rom<gain_type> (&gain)[BEATS][C::L],
                const rom<addend_type> (&addend)[BEATS][C::L]) {
  static_assert(C::norm().centered, "the mean is subtracted");
  normalize<C>(in, out, gain, addend);
}

}  // namespace hwgen
