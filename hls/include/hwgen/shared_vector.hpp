// The engine of a sequential accelerator for ops without weights: one datapath, one task at a
// time.
#pragma once

#include "hwgen/argmax.hpp"
#include "hwgen/memory.hpp"
#include "hwgen/pooling.hpp"
#include "hwgen/vector.hpp"

namespace hwgen {

enum class fold { copy, sum, max, argmax, add };

// What the engine is to do in one phase, for tasks of at most PORTS inputs.
template <int PORTS>
struct vector_task {
  fold kind;
  work shape;
  int ports;
  int read[PORTS];        // addresses of the input tensors
  bool is_signed[PORTS];  // of their codes
  int factor[PORTS];      // add: multiplier of each input
  std::int64_t start;     // add: constant that the sum starts with
  destination write;
  int multiplier;  // after the fold
  std::int64_t offset;
  scaling scale;
};

// One step of one channel.
template <class Acc>
void fold_step(fold kind, folded<Acc>& state, const Acc& x, int step, int factor,
               std::int64_t start) {
#pragma HLS inline
  switch (kind) {
    case fold::copy: copy_fold::take(state, x, step); break;
    case fold::sum: sum_fold::take(state, x, step); break;
    case fold::max: max_fold::take(state, x, step); break;
    case fold::argmax: argmax_fold::take(state, x, step); break;
    case fold::add:
      if (step == 0) state.value = start;
      state.value += x * ap_uint<16>(factor);
      break;
  }
}

// C holds In, Acc, L (channels at once), and Result, a signed type that holds every code.
template <class C, int BITS, int SIZE, int PORTS>
void shared_vector(ap_uint<BITS> (&memory)[SIZE], const vector_task<PORTS>& task,
                   passed& before) {
#pragma HLS inline off
  typedef typename C::Acc Acc;
  const work& w = task.shape;
  const int steps = task.kind == fold::add ? task.ports : w.outer.count * w.inner.count;
rows:
  for (int r = 0; r < w.row.count; ++r) {
    int result = 0;
  columns:
    for (int c = 0; c < w.column.count; ++c) {
    channels:
      for (int g = 0; g < w.channel.count; g += C::L) {
        const position p = w.at(r, c, g);
        folded<Acc> state[C::L];
#pragma HLS array_partition variable = state type = complete
        int i = 0, j = 0;
      steps:
        for (int k = 0; k < steps; ++k) {
#pragma HLS pipeline II = 1
          const int port = task.kind == fold::add ? k : 0;
          const stored<typename C::In, BITS, SIZE> source = {memory, task.read[port],
                                                             task.is_signed[port],
                                                             before.missing(w), w.pad};
          const int y = p.y + i * w.outer.dy + j * w.inner.dy;
          const int start = p.x + i * w.outer.dx + j * w.inner.dx;
          for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
            const bool real = w.inside(y, start + l);
            const Acc x = real ? Acc(source.read(w.index(y, start + l))) : Acc(w.pad);
            fold_step(task.kind, state[l], x, k, task.factor[port], task.start);
          }
          if (task.kind != fold::add && ++j == w.inner.count) {
            j = 0;
            ++i;
          }
        }
        for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
          const Acc value = task.kind == fold::argmax ? argmax_fold::result(state[l])
                                                      : copy_fold::result(state[l]);
          const typename C::Result code = scale<typename C::Result>(
              value, ap_uint<16>(task.multiplier), task.offset, task.scale);
          memory[task.write.at(r, result++)] = ap_uint<BITS>(code);
        }
      }
    }
  }
  before.next(w);
}

}  // namespace hwgen
