// The multiply-accumulate engine where neighbouring samples of a line share multipliers.
//
// A run is SAMPLES of them.  With taps of the kernel (TAPS of a pass over the run), a product is one
// of polynomials, whose coefficients are sums of the run's results and of the TAPS - 1 after them;
// with the weights of SHARE outputs, it holds all products of the two groups.  See docs/packing.md,
// "Several positions" and "Convolutions".
#pragma once

#include "hwgen/lanes.hpp"
#include "hwgen/rom.hpp"
#include "hwgen/scaling.hpp"
#include "hwgen/steps.hpp"
#include "hwgen/stream.hpp"

namespace hwgen {

// The steps of a group in output row r: groups of kernel rows, passes, words of a sample.
template <class C>
steps run_steps(const work& w, int r) {
#pragma HLS inline
  const span words = {0, ceil_div(C::SAMPLE, C::P)};
  if (!C::ALONG) return {{0, 1}, {0, w.outer.count}, words};
  span rows = {0, ceil_div(w.outer.count, C::T)};
  if (C::SKIP) rows = w.real_rows(r);
  return {rows, {0, w.inner.count}, words};
}

// Read the samples of a step, element by element; what lies outside of the tensor reads as padding.
template <class C, class Source>
void gather_run(const Source& source, const work& w, const position& p, const step& s,
                typename C::In (&x)[C::T * C::P][C::SAMPLES]) {
#pragma HLS inline
  for (int t = 0; t < C::T; ++t) {
#pragma HLS unroll
    for (int i = 0; i < C::SAMPLES; ++i) {
#pragma HLS unroll
      const int y = p.y + (C::ALONG ? (s.row * C::T + t) * w.outer.dy : s.column * w.outer.dy + i);
      const int start = p.x + (C::ALONG ? s.column * w.inner.dx + i * C::SAMPLE : 0);
      for (int e = 0; e < C::P; ++e) {
#pragma HLS unroll
        const int element = s.word * C::P + e;
        const bool real = element < C::SAMPLE && w.inside(y, start + element);
        x[t * C::P + e][i] = real ? typename C::In(source.read(w.index(y, start + element)))
                                  : typename C::In(w.pad);
      }
    }
  }
}

// acc[o][i] += the sums to which sample x[.][i] belongs, one multiplication for SAMPLES times
// SHARE * TAPS products.  A last output without others to share with is multiplied in lookup tables.
template <class C, int WEIGHTS>
void multiply_add_run(const typename C::In (&x)[C::T * C::P][C::SAMPLES],
                      const rom<typename C::Weight> (&weight)[WEIGHTS],
                      typename C::Acc (&acc)[C::PO][C::SAMPLES + C::TAPS - 1]) {
#pragma HLS inline
  static_assert(C::SHARE == 1 || C::TAPS == 1, "outputs or taps share a multiplier");
  for (int e = 0; e < C::T * C::P; ++e) {
#pragma HLS unroll
    const ap_int<C::X_PORT> samples = pack<C::X_PORT, C::X_PITCH>(x[e]);
    for (int o = 0; o < C::PACKED; o += C::SHARE) {
#pragma HLS unroll
      const int outputs = C::PACKED - o < C::SHARE ? C::PACKED - o : C::SHARE;
      ap_int<C::W_PORT> weights;
      typename C::Weight taps[C::TAPS];
      if constexpr (C::TAPS > 1) {
        for (int j = 0; j < C::TAPS; ++j) {
#pragma HLS unroll
          taps[j] = weight[(o * C::T * C::P + e) * C::TAPS + j];
        }
        weights = pack<C::W_PORT, C::W_PITCH>(taps);
      } else {
        ap_int<C::W_PITCH> digit[C::SHARE];
        for (int k = 0; k < C::SHARE; ++k) {
#pragma HLS unroll
          digit[k] = 0;
          if (k < outputs) digit[k] = typename C::Weight(weight[(o + k) * C::T * C::P + e]);
        }
        weights = join<C::W_PORT>(digit);
      }
      const ap_int<C::WIDE> product = samples * weights;
      ap_int<C::VALUE> value[C::LANES];
      split<C>(product, x[e], taps, value);
      for (int k = 0; k < outputs; ++k) {
#pragma HLS unroll
        for (int i = 0; i < C::SAMPLES + C::TAPS - 1; ++i) {
#pragma HLS unroll
          acc[o + k][i] += value[lane_of<C>(i, k)];
        }
      }
    }
    for (int o = C::PACKED; o < C::PO; ++o) {
#pragma HLS unroll
      const typename C::Weight by = weight[o * C::T * C::P + e];
      for (int i = 0; i < C::SAMPLES; ++i) {
#pragma HLS unroll
        const auto product = x[e][i] * by;
#pragma HLS bind_op variable = product op = mul impl = fabric
        acc[o][i] += product;
      }
    }
  }
}

// One tensor through the engine, from a buffer that may know the rows before it.  What is carried
// from run to run begins anew with every line.
template <class C, class Buffer, int WORDS, int WEIGHTS, int GROUPS>
void run_tensor(Buffer& buffer, hls::stream<beat<typename C::In, C::IN_LANES>>& in,
                hls::stream<beat<typename C::Out, C::L>>& out,
                const rom<typename C::Weight> (&weight)[WORDS][WEIGHTS],
                const rom<typename C::Acc> (&bias)[GROUPS][C::PO],
                const rom<ap_uint<16>> (&multiplier)[GROUPS][C::PO]) {
#pragma HLS inline
  constexpr work w = C::shape();
  constexpr scaling s = C::scale();
  constexpr int runs = C::ALONG ? w.column.count : w.row.count;
  constexpr int passes = C::ALONG ? w.inner.count : w.outer.count;
  constexpr int words = ceil_div(C::SAMPLE, C::P), beats = C::PO / C::L;
  constexpr int steps = WORDS / GROUPS, sums = C::SAMPLES + C::TAPS - 1;
  typename C::Acc carried[GROUPS][C::PO][C::TAPS];  // TAPS - 1 of them
#pragma HLS array_reshape variable = carried type = complete dim = 2
#pragma HLS array_reshape variable = carried type = complete dim = 3
  beat<typename C::Out, C::L> waiting[C::SAMPLES][GROUPS * beats];  // for the other groups
#pragma HLS aggregate variable = waiting compact = bit
rows:
  for (int r = 0; r < w.row.count; ++r) {
  columns:
    for (int c = 0; c < w.column.count; ++c) {
      buffer.fill(in, w.need(r, c));
      const int run = C::ALONG ? c : r;
      const int begin = run == 0 ? C::LEAD : 0;
      const int end = run == runs - 1 ? C::LAST : C::SAMPLES;
      const hwgen::steps taken = run_steps<C>(w, r);
    groups:
      for (int g = 0; g < GROUPS; ++g) {
        typename C::Acc acc[C::PO][sums];
#pragma HLS array_partition variable = acc type = complete dim = 0
        for (int o = 0; o < C::PO; ++o) {
#pragma HLS unroll
          for (int k = 0; k < sums; ++k) {
#pragma HLS unroll
            acc[o][k] = bias[g][o];
            if (k < C::TAPS - 1 && run > 0) acc[o][k] = carried[g][o][k];
          }
        }
        step at(taken);
      steps:
        for (int k = 0; k < taken.count(); ++k) {
#pragma HLS pipeline II = 1
          typename C::In x[C::T * C::P][C::SAMPLES];
          gather_run<C>(buffer, w, w.at(r, c, 0), at, x);
          const int word = (at.row * passes + at.column) * words + at.word;
          multiply_add_run<C>(x, weight[g * steps + word], acc);
          at.advance(taken);
        }
        for (int o = 0; o < C::PO; ++o) {
#pragma HLS unroll
          for (int k = 0; k < C::TAPS - 1; ++k) {
#pragma HLS unroll
            carried[g][o][k] = acc[o][C::SAMPLES + k];
          }
        }
      results:
        for (int i = begin; i < end; ++i) {
        beats:
          for (int b = 0; b < beats; ++b) {
#pragma HLS pipeline II = 1
            beat<typename C::Out, C::L> packed;
            for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
              packed.lane[l] =
                  scale<typename C::Out>(acc[b * C::L + l][i], multiplier[g][b * C::L + l], s);
            }
            if (GROUPS == 1) {
              out.write(packed);
            } else {
              waiting[i][g * beats + b] = packed;
            }
          }
        }
      }
    order:
      for (int i = begin; GROUPS > 1 && i < end; ++i) {
        for (int b = 0; b < GROUPS * beats; ++b) {
#pragma HLS pipeline II = 1
          out.write(waiting[i][b]);
        }
      }
    }
    buffer.fill(in, w.release(r));
    buffer.release(w.release(r));
  }
}

}  // namespace hwgen
