// rms_norm: y = x / sqrt(mean(x**2) + eps) * weight, row by row
#pragma once

#include "hwgen/normalize.hpp"

namespace hwgen {

template <class C, int BEATS>
void rms_norm(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
              hls::stream<beat<typename C::Out, C::L>>& out,
              const rom<gain_type> (&gain)[BEATS][C::L],
              const rom<addend_type> (&addend)[BEATS][C::L]) {
  static_assert(!C::norm().centered, "the mean stays");
  normalize<C>(in, out, gain, addend);
}

}  // namespace hwgen
