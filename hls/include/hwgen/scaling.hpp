// The scaling that ends an op: y = clamp(((acc * M + offset) rounded >> shift) + zero_point).
#pragma once

#include <cstdint>

#include "hwgen/fixed.hpp"

namespace hwgen {

// The part of a requantisation that all channels share; M and offset come beside it.
struct scaling {
  int shift;          // 0 to 47 bits
  int zero_point;     // added after the shift
  std::int64_t low;   // inclusive clamp: saturation, and ReLU
  std::int64_t high;
};

// Bits of a signed value that holds a scaled accumulator of `acc` bits and every shift below.
constexpr int SHIFT_BITS = 48;
constexpr int scaled_bits(int acc) { return acc + 19 > SHIFT_BITS ? acc + 19 : SHIFT_BITS; }

// The codes of an already multiplied value: round, shift, add the zero point, clamp.
template <class Out, int W>
Out finish(const ap_int<W>& scaled, const scaling& s) {
  const ap_int<W + 2> shifted = round_shift(scaled, s.shift) + ap_int<34>(s.zero_point);
  return Out(saturate<W + 2>(shifted, s.low, s.high));
}

// y = clamp(((acc * M) rounded >> shift) + zero_point)
template <class Out, int W>
Out scale(const ap_int<W>& acc, const ap_uint<16>& multiplier, const scaling& s) {
#pragma HLS inline
  return finish<Out, scaled_bits(W)>(acc * multiplier, s);
}

}  // namespace hwgen
