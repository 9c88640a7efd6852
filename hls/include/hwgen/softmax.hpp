// softmax: y = 2**(log x - m) / sum, row by row; m is the exponent of the row's largest element.
//
// The rules are in docs/arithmetic.md: those of attention, with a row for a tile and numerators of
// 16 bits.
#pragma once

#include "hwgen/scaling.hpp"
#include "hwgen/tile_exponent.hpp"
#include "hwgen/window.hpp"
#include "hwgen/work.hpp"

namespace hwgen {

// The constants of a softmax: code of zero, from codes to logarithms, factor of the result.
struct softmax_constants {
  int zero, log_multiplier, log_shift, multiplier;

  base2_log log(int code) const {
#pragma HLS inline
    return to_log(ap_int<26>(code - zero), ap_uint<16>(log_multiplier), log_shift);
  }
};

// 65280 * 2**(y / 64 - m), rounded; y is at most 64 m
inline ap_uint<16> row_numerator(const base2_log& y, int exponent) {
#pragma HLS inline
  const int distance = (exponent << EXP2_FRACTION) - y.to_int();
  const int octaves = distance >> EXP2_FRACTION;
  if (octaves > 16) return 0;
  const int entry = EXP2_TABLE[distance & ((1 << EXP2_FRACTION) - 1)] * 16;
  return (entry + ((1 << octaves) >> 1)) >> octaves;
}

// What a row's numerators are multiplied by: R * M / 2**16 rounded, and the final shift with k.
struct row_share {
  std::int64_t factor;
  scaling scale;

  row_share(std::int64_t total, const softmax_constants& c, const scaling& s)
      : factor(0), scale(s) {
    int log = 15;
  leading:
    for (int k = 16; k < 32; ++k) {
#pragma HLS unroll
      if (total >> k != 0) log = k;
    }
    std::int64_t rest = std::int64_t(1) << log, quotient = 0;
  digits:
    for (int digit = 0; digit < 18; ++digit) {
#pragma HLS pipeline II = 1
      const bool fits = rest >= total;
      quotient = quotient * 2 + (fits ? 1 : 0);
      rest = (fits ? rest - total : rest) * 2;
    }
    factor = (quotient * c.multiplier + (1 << 15)) >> 16;
    scale.shift += log - 15;
  }

  template <class Out>
  Out code(const ap_uint<16>& part) const {
#pragma HLS inline
    return finish<Out, 50>(ap_int<50>(part.to_int() * factor), scale);
  }
};

// A tensor through the engine.  C holds In, Out, L, IN_LANES, DEPTH, BANKS, shape(), scale() and
// softmax().
template <class C>
void softmax(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
             hls::stream<beat<typename C::Out, C::L>>& out) {
  constexpr work w = C::shape();
  constexpr scaling s = C::scale();
  constexpr softmax_constants c = C::softmax();
  static_assert(w.channel.count % C::L == 0, "lanes must divide a row");

  window<typename C::In, C::IN_LANES, C::DEPTH, C::BANKS> buffer;
  ap_uint<16> parts[w.channel.count];
#pragma HLS array_partition variable = parts type = cyclic factor = C::L
rows:
  for (int r = 0; r < w.row.count; ++r) {
    buffer.fill(in, w.need(r, 0));
    base2_log largest = -LOG_LIMIT;
  logarithms:
    for (int x = 0; x < w.channel.count; x += C::L) {
#pragma HLS pipeline II = 1
      for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
        const base2_log y = c.log(buffer.read(w.index(r, x + l)).to_int());
        if (y > largest) largest = y;
      }
    }
    const int exponent = (largest.to_int() + (1 << EXP2_FRACTION) - 1) >> EXP2_FRACTION;
    std::int64_t total = 0;
  numerators:
    for (int x = 0; x < w.channel.count; x += C::L) {
#pragma HLS pipeline II = 1
      for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
        const base2_log y = c.log(buffer.read(w.index(r, x + l)).to_int());
        parts[x + l] = row_numerator(y, exponent);
        total += parts[x + l].to_int();
      }
    }
    const row_share share(total, c, s);
  results:
    for (int x = 0; x < w.channel.count; x += C::L) {
#pragma HLS pipeline II = 1
      beat<typename C::Out, C::L> packed;
      for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
        packed.lane[l] = share.template code<typename C::Out>(parts[x + l]);
      }
      out.write(packed);
    }
    buffer.release(w.release(r));
  }
}

}  // namespace hwgen
