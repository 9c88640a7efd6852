// Several numbers in each operand of one multiplication, and what its product holds of them.
//
// The twin of rtl_templates/packing (docs/packing.md): the product is the sum of value * 2^(lane *
// PITCH) over its lanes.  A lane's field is its value less what the lanes below took from it, and
// may reach into the next lane if as many low bits of that lane are known.
#pragma once

#include "hwgen/int_types.hpp"

namespace hwgen {

// Digits side by side, digit k from bit k * PITCH on.  One of N digits, if there are fewer, stands
// for nothing: what the product holds of the missing ones is not to be read.
template <int WIDTH, int PITCH, int N>
ap_int<WIDTH> join(const ap_int<PITCH> (&digit)[N]) {
#pragma HLS inline
  static_assert((N - 1) * PITCH < WIDTH && WIDTH <= N * PITCH, "the last digit has the sign");
  ap_int<WIDTH> joined = 0;
  for (int k = 0; k < N; ++k) {
#pragma HLS unroll
    const int top = (k + 1) * PITCH - 1;
    joined.range(top < WIDTH ? top : WIDTH - 1, k * PITCH) = digit[k];
  }
  return joined;
}

// The sum of number[k] * 2^(k * PITCH): each digit is a number less the borrow of those before it.
template <int WIDTH, int PITCH, class Number, int N>
ap_int<WIDTH> pack(const Number (&number)[N]) {
#pragma HLS inline
  ap_int<PITCH> digit[N];
  ap_int<PITCH> sign = 0;  // of the digit before, all bits alike
  for (int k = 0; k < N; ++k) {
#pragma HLS unroll
    digit[k] = number[k] + sign;
    sign = digit[k] >> (PITCH - 1);
  }
  return join<WIDTH>(digit);
}

// The lane of the product of operand i of one port by operand j of the other one.
template <class C>
constexpr int lane_of(int i, int j) {
  return i * (C::X_PITCH / C::PITCH) + j * (C::W_PITCH / C::PITCH);
}

// The low bits of a lane, the sum of x[i] * w[LANE - i]: of products of BITS bits, in gates.
template <int LANE, int BITS, class X, class W, int SAMPLES, int TAPS>
ap_uint<BITS> low_bits(const X (&x)[SAMPLES], const W (&w)[TAPS]) {
#pragma HLS inline
  ap_uint<BITS> sum = 0;
  for (int i = 0; i < SAMPLES; ++i) {
#pragma HLS unroll
    if (i > LANE || LANE - i >= TAPS) continue;
    const ap_uint<BITS> low = ap_uint<BITS>(x[i]) * ap_uint<BITS>(w[LANE - i]);
#pragma HLS bind_op variable = low op = mul impl = fabric
    sum += low;
  }
  return sum;
}

// The values of lane LANE and those above it, given the operands of the product; `taken` is what the
// lanes below took from lane LANE.
template <class C, int LANE, int TAKEN, class X, class W>
void split_from(const ap_int<C::WIDE>& product, const X& x, const W& w,
                const ap_int<TAKEN>& taken, ap_int<C::VALUE> (&value)[C::LANES]) {
#pragma HLS inline
  constexpr int width = C::width(LANE), overlap = C::overlap(LANE), negative = C::negative(LANE);
  ap_uint<width> code = product >> (LANE * C::PITCH);
  if constexpr (overlap > 0) {
    const ap_uint<overlap> next = low_bits<LANE + 1, overlap>(x, w);
    code -= ap_uint<width>(next) << C::PITCH;
  }
  // Negative by its upper bit, or (`negative` is not 0) from a code on.
  ap_int<width + 1> field = ap_int<width>(code);
  if constexpr (negative > 0) {
    const int wraps = code >= ap_uint<width>(negative) ? 1 : 0;
    field = code - (ap_uint<width + 1>(wraps) << width);
  }
  value[LANE] = field + taken;
  if constexpr (LANE + 1 < C::LANES) {
    constexpr int bits = width > C::PITCH ? width - C::PITCH + 2 : 2;
    const ap_int<bits> more = -(field >> C::PITCH);
    split_from<C, LANE + 1>(product, x, w, more, value);
  }
}

// The values of all lanes.  C holds the form: WIDE, LANES, PITCH, VALUE and, by lane, the width of
// its field, its overlap and its least negative code.
template <class C, class X, class W>
void split(const ap_int<C::WIDE>& product, const X& x, const W& w,
           ap_int<C::VALUE> (&value)[C::LANES]) {
#pragma HLS inline
  split_from<C, 0>(product, x, w, ap_int<2>(0), value);
}

// The same where no lane overlaps.
template <class C>
void split(const ap_int<C::WIDE>& product, ap_int<C::VALUE> (&value)[C::LANES]) {
#pragma HLS inline
  split_from<C, 0>(product, 0, 0, ap_int<2>(0), value);
}

}  // namespace hwgen
