// embedding: y[t] = table[id[t]] + position[t], clamped; an id beyond the table counts as its last.
#pragma once

#include "hwgen/feed.hpp"
#include "hwgen/memory.hpp"
#include "hwgen/rom.hpp"
#include "hwgen/scaling.hpp"
#include "hwgen/work.hpp"

namespace hwgen {

// C holds In, Out, L, IN_LANES, shape() and scale().
template <class C, int IDS, int FEATURES, class Move>
void embed(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
           hls::stream<beat<typename C::Out, C::L>>& out,
           const rom<typename C::Out> (&table)[IDS][FEATURES], const Move& move) {
#pragma HLS inline
  constexpr work w = C::shape();
  constexpr scaling s = C::scale();
  feed<beat<typename C::In, C::IN_LANES>, 1> held;
tokens:
  for (int token = 0; token < w.row.count; ++token) {
    typename C::In id[1];
    held.next(in, id);
    const int row = id[0].to_int() < IDS ? id[0].to_int() : IDS - 1;
  beats:
    for (int i = 0; i < FEATURES; i += C::L) {
#pragma HLS pipeline II = 1
      beat<typename C::Out, C::L> packed;
      for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
        const int code = int(table[row][i + l]) + move(token, i + l);
        packed.lane[l] = typename C::Out(saturate<32>(code, s.low, s.high));
      }
      out.write(packed);
    }
  }
}

template <class C, int IDS, int FEATURES>
void embedding(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
               hls::stream<beat<typename C::Out, C::L>>& out,
               const rom<typename C::Out> (&table)[IDS][FEATURES]) {
  embed<C>(in, out, table, [](int, int) { return 0; });
}

template <class C, int IDS, int FEATURES, class Position, int TOKENS>
void embedding(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
               hls::stream<beat<typename C::Out, C::L>>& out,
               const rom<typename C::Out> (&table)[IDS][FEATURES],
               const Position (&position)[TOKENS][FEATURES]) {
  embed<C>(in, out, table, [&](int token, int i) { return int(position[token][i]); });
}

// What the engine of a sequential accelerator is to do in one phase.
struct gather_task {
  int ids, features, tokens;
  int first;     // where its rows begin in the table of all
  int position;  // where its positions begin; -1: it has none
  int read;      // address of the ids
  int write;
  scaling scale;
};

// C holds In and Result.
template <class C, int BITS, int SIZE, class Code, int WORDS, class Position, int POSITIONS>
void shared_gather(ap_uint<BITS> (&memory)[SIZE], const gather_task& task,
                   const Code (&table)[1][WORDS], const Position (&position)[1][POSITIONS]) {
#pragma HLS inline off
  const stored<typename C::In, BITS, SIZE> source = {memory, task.read, false};
tokens:
  for (int token = 0; token < task.tokens; ++token) {
    const int id = source.read(token).to_int();
    const int row = task.first + (id < task.ids ? id : task.ids - 1) * task.features;
  features:
    for (int i = 0; i < task.features; ++i) {
#pragma HLS pipeline II = 1
      const int place = token * task.features + i;
      const int move = task.position < 0 ? 0 : int(position[0][task.position + place]);
      const typename C::Result code = typename C::Result(
          saturate<32>(int(table[0][row + i]) + move, task.scale.low, task.scale.high));
      memory[task.write + place] = ap_uint<BITS>(code);
    }
  }
}

}  // namespace hwgen
