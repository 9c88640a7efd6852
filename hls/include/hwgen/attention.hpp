// attention: y = softmax(q k^T / sqrt(inner)) v for each head, over the keys that a query sees
//
// One pass over the keys with tile exponents.
#pragma once

#include "hwgen/attend.hpp"
#include "hwgen/pack.hpp"
#include "hwgen/tile_exponent.hpp"

namespace hwgen {

// Which keys a query sees.
struct sight {
  const attend_task& task;
  int first;   // position of the tensor's first query
  int last;    // position of the last key
  int length;  // keys that count

  int position(int slot) const { return task.place.position(slot, last); }

  bool sees(int query, int slot) const {
    const int own = first + query, key = position(slot);
    if (key < 0 || key >= length) return false;
    if (task.causal && key > own) return false;
    return !task.window || key > own - task.window || key < task.sinks;
  }

  // The row of keys or values that a slot stands for.
  int row(int slot) const { return task.cached ? slot : position(slot); }
};

// C holds TILE and FEATURES, the largest of any task, and Result, a signed type that holds every
// output code.  `tokens` counts what came since reset, for each cache.
template <class C, int BITS, int SIZE, int COUNTERS>
void attention(ap_uint<BITS> (&memory)[SIZE], const attend_task& task, int (&tokens)[COUNTERS]) {
#pragma HLS inline off
  const int key_row = task.kv_heads * task.inner, value_row = task.kv_heads * task.features;
  const int query_row = task.heads * task.inner;
  const kept<BITS, SIZE> keys = {{memory, task.read[1], task.is_signed[1]}, task.packed,
                                 task.key_sizes, task.pitch};
  const kept<BITS, SIZE> values = {{memory, task.read[2], task.is_signed[2]}, task.packed,
                                   task.value_sizes, task.pitch};
  const int before = task.cached ? task.place.before(tokens[task.counter]) : 0;
  const int first = task.cached ? before : task.keys - task.queries;
  const sight view = {task, first, (task.cached ? before + task.queries : task.keys) - 1,
                      task.padded ? int(memory[task.read[3]].to_uint64()) : 0x7fffffff};
  if (task.cached) tokens[task.counter] = task.place.after(before);
heads:
  for (int head = 0; head < task.heads; ++head) {
    const int kv = head / (task.heads / task.kv_heads);
  queries:
    for (int query = 0; query < task.queries; ++query) {
      query_state<C::FEATURES> state;
      state.clear(task.features);
    tiles:
      for (int start = 0; start < task.place.count; start += task.tile) {
        const bool sinks = task.sink_queries && start < task.sinks;
        const int port = sinks ? 3 : 0;
        const stored<ap_int<8>, BITS, SIZE> source = {memory, task.read[port],
                                                      task.is_signed[port]};
        const ap_uint<16> factor = sinks ? task.sink_multiplier : task.score_multiplier;
        base2_log y[C::TILE];
        bool seen[C::TILE];
        int m = EMPTY_EXPONENT;
      scores:
        for (int k = 0; k < task.tile; ++k) {
          const int slot = start + k;
          seen[k] = slot < task.place.count && view.sees(query, slot);
          if (!seen[k]) continue;
          const int row = view.row(slot) * key_row + kv * task.inner;
          ap_int<26> score = 0;
        inner:
          for (int i = 0; i < task.inner; ++i) {
#pragma HLS pipeline II = 1
            score += source.read(query * query_row + head * task.inner + i) * keys.read(row + i);
          }
          const ap_uint<16> own = task.packed ? key_factor(keys.size(kv, slot), factor) : factor;
          y[k] = to_log(score, own, task.score_shift);
          const int octave = (y[k].to_int() + 63) >> EXP2_FRACTION;
          if (octave > m) m = octave;
        }
        if (m == EMPTY_EXPONENT) continue;
        ap_uint<8> p[C::TILE];
        ap_int<32> sum = 0;
      numerators:
        for (int k = 0; k < task.tile; ++k) {
#pragma HLS pipeline II = 1
          p[k] = seen[k] ? numerator(y[k].to_int(), m) : ap_uint<8>(0);
          sum += p[k];
          if (task.packed && seen[k]) {
            const int size = values.size(kv, start + k).to_int();
            p[k] = numerator(y[k].to_int() - int(VALUE_LOGS[size]), m);
          }
        }
        int old = 0, fresh = 0;
        state.align(m, old, fresh);
        state.total = shifted<32>(state.total, old) + shifted<32>(sum << 8, fresh);
      features:
        for (int f = 0; f < task.features; ++f) {
          ap_int<32> part = 0;
        weighted:
          for (int k = 0; k < task.tile; ++k) {
#pragma HLS pipeline II = 1
            if (p[k] == ap_uint<8>(0)) continue;
            const int row = view.row(start + k) * value_row + kv * task.features;
            part += p[k] * values.read(row + f);
          }
          state.sums[f] = shifted<32>(state.sums[f], old) + shifted<32>(part << 8, fresh);
        }
      }
      const bool masked = state.exponent == EMPTY_EXPONENT;
      const reciprocal inverse(masked ? ap_int<32>(1) : state.total);
    results:
      for (int f = 0; f < task.features; ++f) {
#pragma HLS pipeline II = 1
        const ap_int<32> result = masked ? ap_int<32>(0) : state.finish(f, inverse);
        const typename C::Result code =
            scale<typename C::Result>(result, ap_uint<16>(task.multiplier), task.scale);
        memory[task.write.at(query, head * task.features + f)] = ap_uint<BITS>(code);
      }
    }
  }
}

}  // namespace hwgen
