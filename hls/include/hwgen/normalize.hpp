// What layer_norm and rms_norm share: exact sums of a row, the reciprocal root of its variance, and
// two roundings per element.  The rules are in docs/arithmetic.md; the letters are those of the
// rules.
#pragma once

#include "hwgen/rom.hpp"
#include "hwgen/scaling.hpp"
#include "hwgen/window.hpp"
#include "hwgen/work.hpp"

namespace hwgen {

const int NORMAL_FRACTION = 12;
const int SPREAD_BITS = 62;
const int MANTISSA_BITS = 20;
const int ROOT_BITS = 17;

typedef ap_int<64> spread_type;
typedef ap_int<17> gain_type;
typedef ap_int<48> addend_type;

// The constants of a normalisation, its gains and addends apart.
struct norm_constants {
  int features, zero;
  bool centered;
  std::int64_t epsilon;
};

// r and h: 1 / sqrt(spread) is nearly r * 2**-(16 + h).
struct reciprocal_root {
  int root, half;

  explicit reciprocal_root(const spread_type& spread) : root(0), half(SPREAD_BITS / 2) {
    spread_type mantissa = spread;
  align:
    for (int places = 32; places > 1; places /= 2) {
#pragma HLS unroll
      if ((mantissa >> (SPREAD_BITS - places)) == spread_type(0)) {
        mantissa = mantissa << places;
        half -= places / 2;
      }
    }
    const std::int64_t w = (mantissa >> (SPREAD_BITS - MANTISSA_BITS)).to_int64();
    // A bit of the root is one if its square times w still fits into 2**52 - 1.
    std::int64_t rest = (1 << (MANTISSA_BITS - 2)) - 1, product = 0;
  digits:
    for (int digit = 0; digit < ROOT_BITS; ++digit) {
#pragma HLS pipeline II = 1
      const std::int64_t following = ((rest - product) * 4) + 3 - w;
      const bool fits = following >= 0;
      rest = fits ? following : rest * 4 + 3;
      product = product * 2 + (fits ? w : 0);
      root = root * 2 + (fits ? 1 : 0);
    }
  }
};

// The sums of a row, element by element.
struct row_sums {
  std::int64_t total = 0, squares = 0;

  void take(int x) {
    total += x;
    squares += std::int64_t(x) * x;
  }
};

// What a row's elements are multiplied by.
struct norm_scale {
  std::int64_t features, total;
  reciprocal_root r;

  norm_scale(const norm_constants& c, const row_sums& sums)
      : features(c.features),
        total(c.centered ? sums.total : 0),
        r(spread_type(c.features * sums.squares - total * total + c.epsilon)) {}

  // The code of an element without its zero point.
  template <class Out>
  Out code(int x, const gain_type& gain, const addend_type& addend, const scaling& s) const {
#pragma HLS inline
    const ap_int<52> product = (features * x - total) * r.root;
    const int shift = 16 - NORMAL_FRACTION + r.half;
    const ap_int<22> normal = ap_int<22>(round_shift(product, shift));
    return finish<Out, 50>(ap_int<50>(normal * gain + addend), s);
  }
};

// A tensor through the engine: each row is read twice.  C holds In, Out, L, IN_LANES, DEPTH, BANKS,
// shape(), scale() and norm(); gains and addends have a row per beat.
template <class C, int BEATS>
void normalize(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
               hls::stream<beat<typename C::Out, C::L>>& out,
               const rom<gain_type> (&gain)[BEATS][C::L],
               const rom<addend_type> (&addend)[BEATS][C::L]) {
  constexpr work w = C::shape();
  constexpr scaling s = C::scale();
  constexpr norm_constants c = C::norm();
  static_assert(w.channel.count == BEATS * C::L, "lanes must divide a row");

  window<typename C::In, C::IN_LANES, C::DEPTH, C::BANKS> buffer;
rows:
  for (int r = 0; r < w.row.count; ++r) {
    buffer.fill(in, w.need(r, 0));
    row_sums sums;
  sum:
    for (int x = 0; x < w.channel.count; x += C::L) {
#pragma HLS pipeline II = 1
      for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
        sums.take(buffer.read(w.index(r, x + l)).to_int() - c.zero);
      }
    }
    const norm_scale scale(c, sums);
  scale:
    for (int b = 0; b < BEATS; ++b) {
#pragma HLS pipeline II = 1
      beat<typename C::Out, C::L> packed;
      for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
        const int x = buffer.read(w.index(r, b * C::L + l)).to_int() - c.zero;
        packed.lane[l] =
            scale.template code<typename C::Out>(x, gain[b][l], addend[b][l], s);
      }
      out.write(packed);
    }
    buffer.release(w.release(r));
  }
}

}  // namespace hwgen
