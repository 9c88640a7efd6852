// The multiply-accumulate engine behind linear and convolution.
//
// One step takes T x P elements (T kernel rows, P contiguous elements each) and multiplies them
// by the weights of PO results, for each of G convolution groups side by side; the steps of a group
// make G x PO results, requantised at its end.
#pragma once

#include "hwgen/lanes.hpp"
#include "hwgen/mac_runs.hpp"
#include "hwgen/rom.hpp"
#include "hwgen/scaling.hpp"
#include "hwgen/steps.hpp"
#include "hwgen/window.hpp"

namespace hwgen {

// Read the T x P elements of a step, in rows of G x P; `limit` of a row are in the kernel.  Those
// outside of the tensor or the kernel read as padding.
template <int T, int P, class In, class Source>
void gather(const Source& source, const work& w, const position& p, const step& s, int element,
            int limit, In (&x)[T * P]) {
#pragma HLS inline
  for (int t = 0; t < T; ++t) {
#pragma HLS unroll
    const int row = s.row * T + t;
    const int y = p.y + row * w.outer.dy + s.column * w.inner.dy;
    const int start = p.x + row * w.outer.dx + s.column * w.inner.dx + element;
    for (int e = 0; e < P; ++e) {
#pragma HLS unroll
      const bool used = row < w.outer.count && element + e < limit;
      const position place = w.seen(y, start + e);
      const bool real = used && w.inside(place.y, place.x);
      x[t * P + e] = real ? In(source.read(w.index(place.y, place.x))) : In(w.pad);
    }
  }
}

// Read the elements of a step that may run on into the next kernel row.
template <int P, class In, class Source>
void gather_flat(const Source& source, const work& w, const position& p, int word, In (&x)[P]) {
#pragma HLS inline
  for (int e = 0; e < P; ++e) {
#pragma HLS unroll
    const int row = (word * P + e) / w.elements;
    const int y = p.y + row * w.outer.dy;
    const int start = p.x + (word * P + e) % w.elements;
    const bool real = row < w.outer.count && w.inside(y, start);
    x[e] = real ? In(source.read(w.index(y, start))) : In(w.pad);
  }
}

// acc[o] += sum of x * weight[o], where result o takes the elements of convolution group o / PO.
template <class C>
void multiply_add(const typename C::In (&x)[C::T * C::G * C::P],
                  const rom<typename C::Weight> (&weight)[C::G * C::PO * C::T * C::P],
                  typename C::Acc (&acc)[C::G * C::PO]) {
#pragma HLS inline
  for (int o = 0; o < C::G * C::PO; ++o) {
#pragma HLS unroll
    typename C::Acc sum = acc[o];
    for (int t = 0; t < C::T; ++t) {
#pragma HLS unroll
      for (int e = 0; e < C::P; ++e) {
#pragma HLS unroll
        const typename C::In factor = x[(t * C::G + o / C::PO) * C::P + e];
        const typename C::Weight by = weight[(o * C::T + t) * C::P + e];
        if constexpr (C::FABRIC) {
          const auto product = factor * by;
#pragma HLS bind_op variable = product op = mul impl = fabric
          sum += product;
        } else {
          sum += factor * by;
        }
      }
    }
    acc[o] = sum;
  }
}

// The same where the weights of SHARE results, which are stored as digits, share a multiplier.
template <class C>
void multiply_add_packed(const typename C::In (&x)[C::T * C::G * C::P],
                         const rom<typename C::Weight> (&weight)[C::G * C::PO * C::T * C::P],
                         typename C::Acc (&acc)[C::G * C::PO]) {
#pragma HLS inline
  for (int first = 0; first < C::G * C::PO; ++first) {
#pragma HLS unroll
    if (first % C::PO % C::SHARE != 0) continue;
    const int left = C::PO - first % C::PO, results = left < C::SHARE ? left : C::SHARE;
    for (int t = 0; t < C::T; ++t) {
#pragma HLS unroll
      for (int e = 0; e < C::P; ++e) {
#pragma HLS unroll
        ap_int<C::W_PITCH> digit[C::SHARE];
        for (int k = 0; k < C::SHARE; ++k) {
#pragma HLS unroll
          digit[k] = 0;
          if (k < results) {
            digit[k] = typename C::Weight(weight[((first + k) * C::T + t) * C::P + e]);
          }
        }
        const typename C::In factor = x[(t * C::G + first / C::PO) * C::P + e];
        const ap_int<C::WIDE> product = factor * join<C::W_PORT>(digit);
        ap_int<C::VALUE> value[C::LANES];
        split<C>(product, value);
        for (int k = 0; k < results; ++k) {
#pragma HLS unroll
          acc[first + k] += value[k];
        }
      }
    }
  }
}

// The steps of one group, `together` convolution groups: acc[o] = bias[o] + sum, from word number
// `word` of the weights on.
template <class C, class Source, int WORDS>
void mac_group(const Source& source, const work& w, const position& p, int together,
               const steps& taken, int word, const rom<typename C::Weight> (&weight)[WORDS][C::G * C::PO * C::T * C::P],
               const rom<typename C::Acc> (&bias)[C::G * C::PO],
               typename C::Acc (&acc)[C::G * C::PO]) {
#pragma HLS inline
  for (int o = 0; o < C::G * C::PO; ++o) {
#pragma HLS unroll
    acc[o] = bias[o];
  }
  step at(taken);
steps:
  for (int k = 0; k < taken.count(); ++k) {
#pragma HLS pipeline II = 1
    typename C::In x[C::T * C::G * C::P];
    if constexpr (C::FLAT) {
      gather_flat<C::P>(source, w, p, at.word, x);
    } else {
      gather<C::T, C::G * C::P>(source, w, p, at, at.word * C::P, together * w.elements, x);
    }
    if constexpr (C::SHARE > 1) {
      multiply_add_packed<C>(x, weight[word + at.index(w, C::P)], acc);
    } else {
      multiply_add<C>(x, weight[word + at.index(w, C::P)], acc);
    }
    at.advance(taken);
  }
}

constexpr int groups_of(const work& w, int outputs, int side) {
  return ceil_div(w.outputs, outputs) * ceil_div(w.channel.count, side);
}

// Convolution groups of group `g`: `side` of them, or fewer at the end.
inline int together_of(const work& w, int g, int blocks, int side) {
  const int left = w.channel.count - g / blocks * side;
  return left < side ? left : side;
}

constexpr int steps_of(const work& w, int rows, int elements, bool flat = false) {
  if (flat) return ceil_div(w.outer.count * w.elements, elements);
  return ceil_div(w.outer.count, rows) * w.inner.count * ceil_div(w.elements, elements);
}

// One tensor through the engine, from a buffer that may know the rows before it.
template <class C, class Buffer, int WORDS, int GROUPS>
void mac_tensor(Buffer& buffer, hls::stream<beat<typename C::In, C::IN_LANES>>& in,
                hls::stream<beat<typename C::Out, C::L>>& out,
                const rom<typename C::Weight> (&weight)[WORDS][C::G * C::PO * C::T * C::P],
                const rom<typename C::Acc> (&bias)[GROUPS][C::G * C::PO],
                const rom<ap_uint<16>> (&multiplier)[GROUPS][C::G * C::PO]) {
#pragma HLS inline
  constexpr work w = C::shape();
  constexpr scaling s = C::scale();
  constexpr int blocks = ceil_div(w.outputs, C::PO);
  constexpr int steps = steps_of(w, C::T, C::P, C::FLAT);
  static_assert(GROUPS == w.sets() * groups_of(w, C::PO, C::G), "one row of biases per group");
  static_assert(WORDS == GROUPS * steps, "one row of weights per step");
  static_assert(C::G == 1 || (C::P == w.elements && C::PO == w.outputs),
                "several convolution groups at once are whole ones");
  static_assert(C::G > 1 || (w.outputs % C::L == 0 && (blocks == 1 || C::PO % C::L == 0)),
                "a beat must not straddle two groups");
rows:
  for (int r = 0; r < w.row.count; ++r) {
  columns:
    for (int c = 0; c < w.column.count; ++c) {
      buffer.fill(in, w.need(r, c));
      const hwgen::steps taken = C::FLAT ? flat_steps(w, C::SKIP, r, C::P)
                                         : steps_at(w, C::SKIP, r, c, C::T, C::P);
    groups:
      for (int g = 0; g < GROUPS / w.sets(); ++g) {
        typename C::Acc acc[C::G * C::PO];
#pragma HLS array_partition variable = acc type = complete
        const int together = together_of(w, g, blocks, C::G);
        const int own = w.set(c) * (GROUPS / w.sets()) + g;
        mac_group<C>(buffer, w, w.at(r, c, g / blocks * C::G), together, taken, own * steps, weight,
                     bias[own], acc);
        const int rest = w.outputs - g % blocks * C::PO;
        const int results = together * (rest < C::PO ? rest : C::PO);
      beats:
        for (int first = 0; first < results; first += C::L) {
#pragma HLS pipeline II = 1
          beat<typename C::Out, C::L> packed;
          for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
            packed.lane[l] = scale<typename C::Out>(acc[first + l], multiplier[own][first + l], s);
          }
          out.write(packed);
        }
      }
    }
    buffer.fill(in, w.release(r));
    buffer.release(w.release(r));
  }
}

// One sample of a line in a multiplier, or several.
template <class C, class Buffer, int WORDS, int WEIGHTS, int GROUPS>
void mac_or_runs(Buffer& buffer, hls::stream<beat<typename C::In, C::IN_LANES>>& in,
                 hls::stream<beat<typename C::Out, C::L>>& out,
                 const rom<typename C::Weight> (&weight)[WORDS][WEIGHTS],
                 const rom<typename C::Acc> (&bias)[GROUPS][C::G * C::PO],
                 const rom<ap_uint<16>> (&multiplier)[GROUPS][C::G * C::PO]) {
#pragma HLS inline
  if constexpr (C::SAMPLES > 1) {
    run_tensor<C>(buffer, in, out, weight, bias, multiplier);
  } else {
    mac_tensor<C>(buffer, in, out, weight, bias, multiplier);
  }
}

// One tensor through the engine.  C holds the sizes and types of the plan:
//   In, Weight, Acc, Out      element types
//   T, P, PO, G, L            the fold: rows, elements, outputs, groups, lanes of `out`
//   SAMPLES, TAPS             of a line and a kernel, in one multiplier: if the first is more than
//                             1, the rest is in mac_runs.hpp
//   SHARE                     results whose weights share a multiplier; if more than 1, lanes.hpp
//                             says how
//   FABRIC                    else: whether lookup tables multiply
//   FLAT                      whether words run on from one kernel row into the next
//   SKIP                      whether steps in padding are left out
//   IN_LANES, DEPTH, BANKS    the window buffer
//   shape(), scale()          the loops, the scaling
// weight[group][step] holds G x PO x T x P (x TAPS) weights, zero where the fold is larger than the
// work.
template <class C, int WORDS, int WEIGHTS, int GROUPS>
void mac(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
         hls::stream<beat<typename C::Out, C::L>>& out,
         const rom<typename C::Weight> (&weight)[WORDS][WEIGHTS],
         const rom<typename C::Acc> (&bias)[GROUPS][C::G * C::PO],
         const rom<ap_uint<16>> (&multiplier)[GROUPS][C::G * C::PO]) {
  constexpr work w = C::shape();
  static_assert(WEIGHTS == C::G * C::PO * C::T * C::P * C::TAPS, "a row of weights per step");
#pragma HLS array_reshape variable = weight type = complete dim = 2
#pragma HLS array_reshape variable = bias type = complete dim = 2
#pragma HLS array_reshape variable = multiplier type = complete dim = 2

  if constexpr (w.missing > 0) {
    static recalling_window<typename C::In, C::IN_LANES, C::DEPTH, C::BANKS> buffer(
        w.history * w.row_elements, w.missing, w.pad);
    mac_or_runs<C>(buffer, in, out, weight, bias, multiplier);
    buffer.next(in, w.size(), w.fresh());
  } else {
    window<typename C::In, C::IN_LANES, C::DEPTH, C::BANKS> buffer;
    mac_or_runs<C>(buffer, in, out, weight, bias, multiplier);
  }
}

}  // namespace hwgen
