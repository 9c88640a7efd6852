// Products of two activations in a sequential accelerator: the twin of hwgen.ops.work.Attend.
#pragma once

#include "hwgen/mac.hpp"
#include "hwgen/memory.hpp"

namespace hwgen {

const int ATTEND_PORTS = 5;

// Where keys lie; positions count from 0, in a cache since reset.  Sinks lie in the first slots,
// other keys from `start` on, which is a multiple of the tile.
struct slots {
  int count;    // slots, the empty ones between included
  int sinks;
  int start;    // slot of the first key that is no sink
  int tokens;   // rows that a tensor brings to a cache
  bool rolls;   // a cached window: a ring

  int ring() const { return count - start; }

  // Tokens before a tensor, given those before a full cache was emptied.
  int before(int counted) const { return !rolls && counted + tokens > count ? 0 : counted; }

  // In a ring positions matter modulo its size only, so that the count stays small.
  int after(int before) const {
    const int next = before + tokens;
    return rolls && next >= sinks + 2 * ring() ? next - ring() : next;
  }

  int slot(int position) const {
    if (position < sinks) return position;
    return start + (rolls ? (position - sinks) % ring() : position - sinks);
  }

  // The position of the key in a slot when the last key is at `last`; -1 if there is none.
  int position(int slot, int last) const {
    int found = slot < start ? slot : slot - start + sinks;
    if (slot >= sinks && slot < start) return -1;
    if (rolls && slot >= start) {
      if (last < sinks) return -1;
      const int behind = (last - sinks) % ring() - (slot - start);
      found = last - (behind < 0 ? behind + ring() : behind);
      if (found < sinks) return -1;
    }
    return found <= last ? found : -1;
  }
};

// What joins a cache in one phase.
struct append_task {
  int read, cache;  // addresses of the tensor and of the cache
  int row;          // elements of a row
  int read_sizes, cache_sizes;  // addresses of the sizes of its rows, if it has any
  int heads, pitch;             // sizes of a row (0: none); from a key head to the next one
  slots place;
  int counter;      // its count of tokens
};

// What matmul and attention are to do in one phase.
struct attend_task {
  int queries, keys;    // rows of the first operand; rows of the second, or slots of a cache
  int heads, kv_heads;
  int inner, features;  // of a head
  int tile;             // keys that share an exponent
  bool transposed;      // matmul: the second operand is (features, inner)
  bool causal;
  int window, sinks;
  bool cached, padded, sink_queries;
  bool packed;               // keys and values have four bits, and sizes
  int key_sizes, value_sizes;  // addresses
  int pitch;                 // sizes from a key head to the next one
  int read[ATTEND_PORTS];        // addresses of the inputs, of the caches
  bool is_signed[ATTEND_PORTS];  // of their codes
  destination write;
  int score_multiplier, sink_multiplier, score_shift;
  int multiplier;  // of the result
  scaling scale;
  slots place;
  int counter;  // its count of tokens
};

// Copy the rows of a tensor to their slots.
template <int BITS, int SIZE, int COUNTERS>
void append(ap_uint<BITS> (&memory)[SIZE], const append_task& task,
            const int (&tokens)[COUNTERS]) {
#pragma HLS inline off
  const int before = task.place.before(tokens[task.counter]);
rows:
  for (int t = 0; t < task.place.tokens; ++t) {
    const int slot = task.place.slot(before + t);
    const int to = task.cache + slot * task.row;
    const int from = task.read + t * task.row;
  elements:
    for (int i = 0; i < task.row; ++i) {
#pragma HLS pipeline II = 1
      memory[to + i] = memory[from + i];
    }
  sizes:
    for (int h = 0; h < task.heads; ++h) {
      memory[task.cache_sizes + h * task.pitch + slot] =
          memory[task.read_sizes + t * task.heads + h];
    }
  }
}

}  // namespace hwgen
