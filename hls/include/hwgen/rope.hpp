// rope: y_a = x_a * cos - x_b * sin and y_b = x_a * sin + x_b * cos, rounded once, for the pairs
// (a, b) of each head.
//
// The angle of a frequency is a phase of 32 bits, a whole turn being 2**32, that grows by its step
// from token to token; the upper 12 bits pick an arc, and the sine is that of the arc's middle.
#pragma once

#include "hwgen/feed.hpp"
#include "hwgen/memory.hpp"
#include "hwgen/rom.hpp"
#include "hwgen/scaling.hpp"

namespace hwgen {

// The rotation of one layer.
struct turning {
  int tokens, heads, pairs;  // of a tensor; pairs of a head
  int start, limit;          // first position; positions stop at limit - 1, 0: never
  bool running;              // whether positions go on from tensor to tensor
  bool interleaved;          // pairs are neighbours, else half a head apart
  int zero;                  // code of zero

  constexpr int size() const { return 2 * pairs; }
  constexpr int pair(int result) const { return interleaved ? result / 2 : result % pairs; }
  constexpr bool second(int result) const {
    return interleaved ? result % 2 == 1 : result >= pairs;
  }
  constexpr int first_of(int pair) const { return interleaved ? 2 * pair : pair; }
  constexpr int second_of(int pair) const { return interleaved ? 2 * pair + 1 : pair + pairs; }
};

// Sine or cosine of a phase; 2**15 is 1.
template <int ARCS>
ap_int<17> sine(const ap_uint<32>& phase, bool cosine, const rom<ap_uint<16>> (&quarter)[ARCS]) {
#pragma HLS inline
  static_assert(ARCS == 1024, "the upper 12 bits count arcs");
  const int arc = ((phase >> 20).to_int() + (cosine ? ARCS : 0)) % (4 * ARCS);
  const int place = arc / ARCS % 2 == 1 ? ARCS - 1 - arc % ARCS : arc % ARCS;
  const ap_int<17> magnitude = quarter[place];
  return arc >= 2 * ARCS ? ap_int<17>(-magnitude) : magnitude;
}

// One of the two results of a pair.
template <class Acc, class X, int ARCS>
Acc turned(const X& first, const X& second, int zero, bool is_second, const ap_uint<32>& phase,
           const rom<ap_uint<16>> (&quarter)[ARCS]) {
#pragma HLS inline
  const ap_int<18> a = first - ap_int<18>(zero), b = second - ap_int<18>(zero);
  const Acc left = a * sine(phase, !is_second, quarter);
  const Acc right = b * sine(phase, is_second, quarter);
  return is_second ? Acc(left + right) : Acc(left - right);
}

// Where a layer's positions are: kept from tensor to tensor.
struct progress {
  bool begun;
  int advanced;  // positions after the first, counted up to the limit
};

// Phases at the beginning of a tensor.
template <int PAIRS>
void begin(const turning& t, progress& at, ap_uint<32>* phases,
           const rom<ap_uint<32>> (&steps)[PAIRS], int first_step) {
  if (t.running && at.begun) return;
  at.begun = true;
  at.advanced = 0;
phases:
  for (int i = 0; i < t.pairs; ++i) {
    phases[i] = ap_uint<32>(steps[first_step + i]) * ap_uint<31>(t.start);
  }
}

// Phases of the next token.
template <int PAIRS>
void advance(const turning& t, progress& at, ap_uint<32>* phases,
             const rom<ap_uint<32>> (&steps)[PAIRS], int first_step) {
  if (t.limit != 0) {
    if (t.start + at.advanced == t.limit - 1) return;
    ++at.advanced;
  }
phases:
  for (int i = 0; i < t.pairs; ++i) {
    phases[i] = phases[i] + ap_uint<32>(steps[first_step + i]);
  }
}

// C holds In, Acc, Out, L, IN_LANES, turn() and scale().
template <class C, int PAIRS, int ARCS>
void rope(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
          hls::stream<beat<typename C::Out, C::L>>& out,
          const rom<ap_uint<32>> (&steps)[1][PAIRS], const rom<ap_uint<16>> (&quarter)[1][ARCS]) {
  constexpr turning t = C::turn();
  constexpr scaling s = C::scale();
  static ap_uint<32> phases[PAIRS];
  static progress at = {false, 0};
  feed<beat<typename C::In, C::IN_LANES>, 1> held;
  begin(t, at, phases, steps[0], 0);
tokens:
  for (int token = 0; token < t.tokens; ++token) {
  heads:
    for (int head = 0; head < t.heads; ++head) {
      typename C::In x[2 * PAIRS];
    elements:
      for (int i = 0; i < t.size(); ++i) {
#pragma HLS pipeline II = 1
        typename C::In one[1];
        held.next(in, one);
        x[i] = one[0];
      }
    beats:
      for (int i = 0; i < t.size(); i += C::L) {
#pragma HLS pipeline
        beat<typename C::Out, C::L> packed;
        for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
          const int pair = t.pair(i + l);
          const typename C::Acc acc =
              turned<typename C::Acc>(x[t.first_of(pair)], x[t.second_of(pair)], t.zero,
                                      t.second(i + l), phases[pair], quarter[0]);
          packed.lane[l] = finish<typename C::Out, scaled_bits(C::Acc::width)>(acc, s);
        }
        out.write(packed);
      }
    }
    advance(t, at, phases, steps[0], 0);
  }
}

// What the engine of a sequential accelerator is to do in one phase.
struct rope_task {
  turning turn;
  int layer;       // which of the layers that turn
  int first_step;  // where the steps of its frequencies begin
  int read;        // address of the input tensor
  bool is_signed;  // of its codes
  int write;
  scaling scale;
};

// C holds In, Acc, Result and LAYERS.
template <class C, int BITS, int SIZE, int STEPS, int ARCS>
void shared_rope(ap_uint<BITS> (&memory)[SIZE], const rope_task& task,
                 const rom<ap_uint<32>> (&steps)[1][STEPS],
                 const rom<ap_uint<16>> (&quarter)[1][ARCS]) {
#pragma HLS inline off
  static ap_uint<32> phases[STEPS];
  static progress places[C::LAYERS];
  const turning& t = task.turn;
  ap_uint<32>* const own = phases + task.first_step;
  progress& at = places[task.layer];
  const stored<typename C::In, BITS, SIZE> source = {memory, task.read, task.is_signed};
  begin(t, at, own, steps[0], task.first_step);
tokens:
  for (int token = 0; token < t.tokens; ++token) {
  heads:
    for (int head = 0; head < t.heads; ++head) {
      const int base = (token * t.heads + head) * t.size();
    results:
      for (int i = 0; i < t.size(); ++i) {
#pragma HLS pipeline
        const int pair = t.pair(i);
        const typename C::Acc acc = turned<typename C::Acc>(
            source.read(base + t.first_of(pair)), source.read(base + t.second_of(pair)), t.zero,
            t.second(i), own[pair], quarter[0]);
        const typename C::Result code =
            finish<typename C::Result, scaled_bits(C::Acc::width)>(acc, task.scale);
        memory[task.write + base + i] = ap_uint<BITS>(code);
      }
    }
    advance(t, at, own, steps[0], task.first_step);
  }
}

}  // namespace hwgen
