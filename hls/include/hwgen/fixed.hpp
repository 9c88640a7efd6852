// Rounding and saturation: the arithmetic contract's two primitives.
#pragma once

#include "hwgen/int_types.hpp"

namespace hwgen {

// floor(value / 2**shift + 1/2): an arithmetic shift that rounds half up; shift is 0 to W - 1.
template <int W>
ap_int<W + 1> round_shift(const ap_int<W>& value, int shift) {
  // Only the last bit that falls off decides, so no constant of `shift` bits is needed.
  if (shift == 0) return value;
  const ap_int<W> kept = value >> (shift - 1);
  const ap_int<W + 1> rounded = kept + ap_int<2>(1);
  return rounded >> 1;
}

// value, clamped to [low, high], both inclusive.
template <int W>
ap_int<W> saturate(const ap_int<W>& value, const ap_int<W>& low, const ap_int<W>& high) {
  if (value < low) return low;
  if (value > high) return high;
  return value;
}

}  // namespace hwgen
