// The arithmetic of attention: one pass over tiles of keys, each with an exponent of its own.
//
// The rules are in docs/attention.md; the letters are those of the rules.
#pragma once

#include "hwgen/fixed.hpp"
#include "hwgen/rom.hpp"

namespace hwgen {

const int EMPTY_EXPONENT = -2048;  // nothing seen
const int EXP2_FRACTION = 6;
const int LOG_LIMIT = 2047 << EXP2_FRACTION;
const int RESULT_FRACTION = 16;

typedef ap_int<18> base2_log;  // in 1/64

// T[r] = 4080 * 2**(-r / 64), rounded
static const rom<ap_uint<12>> EXP2_TABLE[1 << EXP2_FRACTION] = {
    4080, 4036, 3993, 3950, 3907, 3865, 3823, 3782, 3741, 3701, 3661, 3622,
    3583, 3544, 3506, 3468, 3431, 3394, 3357, 3321, 3285, 3250, 3215, 3180,
    3146, 3112, 3079, 3046, 3013, 2980, 2948, 2916, 2885, 2854, 2823, 2793,
    2763, 2733, 2703, 2674, 2646, 2617, 2589, 2561, 2533, 2506, 2479, 2452,
    2426, 2400, 2374, 2348, 2323, 2298, 2273, 2249, 2225, 2201, 2177, 2154,
    2130, 2107, 2085, 2062};

// y = clamp((score * M) rounded >> s)
inline base2_log to_log(const ap_int<26>& score, const ap_uint<16>& multiplier, int shift) {
#pragma HLS inline
  const ap_int<SHIFT_BITS> scaled = score * multiplier;
  return base2_log(saturate<SHIFT_BITS + 1>(round_shift(scaled, shift), -LOG_LIMIT, LOG_LIMIT));
}

// P = 255 * 2**(y / 64 - m), rounded; y is at most 64 m
inline ap_uint<8> numerator(int y, int exponent) {
#pragma HLS inline
  const int distance = (exponent << EXP2_FRACTION) - y;
  const int octaves = distance >> EXP2_FRACTION;
  if (octaves > 9) return 0;
  const int entry = EXP2_TABLE[distance & ((1 << EXP2_FRACTION) - 1)];
  return (entry + (8 << octaves)) >> (octaves + 4);
}

// round_shift, 0 for shifts above 31
template <int W>
ap_int<W> shifted(const ap_int<W>& value, int shift) {
#pragma HLS inline
  static_assert(W >= 32, "a shift by 31 keeps the sign alone");
  return shift > 31 ? ap_int<W>(0) : ap_int<W>(round_shift(value, shift));
}

// floor(2**(k + 17) / total) with k = floor(log2(total)): the reciprocal of a denominator
struct reciprocal {
  ap_uint<18> value;
  int log;

  explicit reciprocal(const ap_int<32>& total) : value(0), log(0) {
  leading:
    for (int k = 1; k < 24; ++k) {
#pragma HLS unroll
      if ((total >> k) != ap_int<32>(0)) log = k;
    }
    ap_int<32> rest = ap_int<32>(1) << log;
  digits:
    for (int digit = 0; digit < 18; ++digit) {
#pragma HLS pipeline II = 1
      const bool fits = rest >= total;
      value = ap_uint<18>(value << 1) + ap_uint<1>(fits);
      if (fits) rest -= total;
      rest = rest << 1;
    }
  }
};

// The keys that one query of one head has seen: O, l and e.
template <int FEATURES>
struct query_state {
  ap_int<32> sums[FEATURES];
  ap_int<32> total;
  int exponent;

  void clear(int features) {
    total = 0;
    exponent = EMPTY_EXPONENT;
    for (int f = 0; f < features; ++f) {
#pragma HLS pipeline II = 1
      sums[f] = 0;
    }
  }

  // The shifts of the state and of a tile with exponent m, which moves the exponent.
  void align(int m, int& old, int& fresh) {
#pragma HLS inline
    const bool over = total >= ap_int<32>(1 << 23);
    const int least = exponent + (over ? 1 : 0);
    const int joint = least > m ? least : m;
    old = joint - exponent;
    fresh = joint - m;
    exponent = joint;
  }

  // The result times 2**16, in codes of the values.
  ap_int<32> finish(int feature, const reciprocal& r) const {
#pragma HLS inline
    const ap_int<51> product = sums[feature] * r.value;
    return ap_int<32>(round_shift(product, r.log + 1));
  }
};

}  // namespace hwgen
