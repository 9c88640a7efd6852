// hadamard: y = clamp((sum of +-x) * M rounded >> shift), row by row; additions alone before M.
//
// A row has order * 2**k elements, order 1, 12 or 20: signs, then Sylvester's matrix of order 2**k
// as butterflies, then Paley's of the small order.  The rules are in docs/arithmetic.md.
#pragma once

#include "hwgen/rom.hpp"
#include "hwgen/scaling.hpp"
#include "hwgen/window.hpp"
#include "hwgen/work.hpp"

namespace hwgen {

typedef ap_int<2> sign_type;

// The constants of a transform, its signs apart: M is 4 to 7.
struct hadamard_constants {
  int features, zero, multiplier;
};

// Whether Paley's matrix of an order, 1 + a prime, subtracts input i from result j.
inline bool paley_subtracts(int order, int i, int j) {
#pragma HLS inline
  const int prime = order - 1;
  if (i == j || i == 0) return false;
  if (j == 0) return true;
  const int distance = (i - j + prime) % prime;
  for (int k = 1; k <= prime / 2; ++k) {
#pragma HLS unroll
    if (k * k % prime == distance) return false;
  }
  return true;
}

// A row of up to N elements that is transformed in place.
template <int N>
struct hadamard_row {
  std::int64_t values[N];

  void load(int x, int value) { values[x] = value; }

  void transform(int features) {
    int power = features & -features;
    int order = features / power;  // 12 and 20 hold a factor of four
    if (order > 1) {
      order *= 4;
      power /= 4;
    }
  doublings:
    for (int stride = 1; stride < power; stride *= 2) {
    butterflies:
      for (int x = 0; x < features / 2; ++x) {
#pragma HLS pipeline II = 1
        const int low = (x / stride) * 2 * stride + x % stride;
        const std::int64_t first = values[low], second = values[low + stride];
        values[low] = first + second;
        values[low + stride] = first - second;
      }
    }
    if (order == 1) return;
  places:
    for (int x = 0; x < power; ++x) {
      std::int64_t sums[20];
    results:
      for (int j = 0; j < order; ++j) {
#pragma HLS pipeline II = 1
        sums[j] = 0;
        for (int i = 0; i < order; ++i) {
          const std::int64_t value = values[i * power + x];
          sums[j] += paley_subtracts(order, i, j) ? -value : value;
        }
      }
    back:
      for (int j = 0; j < order; ++j) values[j * power + x] = sums[j];
    }
  }

  template <class Out>
  Out code(int x, int multiplier, const scaling& s) const {
#pragma HLS inline
    return finish<Out, 50>(ap_int<50>(values[x] * multiplier), s);
  }
};

// A tensor through the engine.  C holds In, Out, L, IN_LANES, DEPTH, BANKS, shape(), scale() and
// hadamard(); the signs have a row per beat.
template <class C, int BEATS>
void hadamard(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
              hls::stream<beat<typename C::Out, C::L>>& out,
              const rom<sign_type> (&sign)[BEATS][C::L]) {
  constexpr work w = C::shape();
  constexpr scaling s = C::scale();
  constexpr hadamard_constants c = C::hadamard();
  static_assert(w.channel.count == BEATS * C::L, "lanes must divide a row");

  window<typename C::In, C::IN_LANES, C::DEPTH, C::BANKS> buffer;
  hadamard_row<c.features> values;
rows:
  for (int r = 0; r < w.row.count; ++r) {
    buffer.fill(in, w.need(r, 0));
  load:
    for (int b = 0; b < BEATS; ++b) {
#pragma HLS pipeline II = 1
      for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
        const int x = buffer.read(w.index(r, b * C::L + l)).to_int() - c.zero;
        values.load(b * C::L + l, sign[b][l] < 0 ? -x : x);
      }
    }
    values.transform(c.features);
  results:
    for (int b = 0; b < BEATS; ++b) {
#pragma HLS pipeline II = 1
      beat<typename C::Out, C::L> packed;
      for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
        packed.lane[l] =
            values.template code<typename C::Out>(b * C::L + l, c.multiplier, s);
      }
      out.write(packed);
    }
    buffer.release(w.release(r));
  }
}

}  // namespace hwgen
