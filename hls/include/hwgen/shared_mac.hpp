// The multiply-accumulate engine of a sequential accelerator: one datapath, one task at a time.
#pragma once

#include "hwgen/mac.hpp"
#include "hwgen/memory.hpp"

namespace hwgen {

// What the engine is to do in one phase.
struct mac_task {
  work shape;
  int read;        // address of the input tensor
  bool is_signed;  // of its codes
  destination write;
  bool skip;  // leave out steps in padding
  int side;   // convolution groups at once: their weights make a block diagonal
  int word;   // first row of weights
  int group;  // first row of biases and multipliers
  scaling scale;
};

// C holds In, Weight, Acc, T, P, PO and SHARE as for mac(), and Result, a signed type that holds every
// output code.
template <class C, int BITS, int SIZE, int WORDS, int GROUPS>
void shared_mac(ap_uint<BITS> (&memory)[SIZE], const mac_task& task, passed& before,
                const rom<typename C::Weight> (&weight)[WORDS][C::PO * C::T * C::P],
                const rom<typename C::Acc> (&bias)[GROUPS][C::PO],
                const rom<ap_uint<16>> (&multiplier)[GROUPS][C::PO]) {
  static_assert(C::G == 1, "tasks of any shape share the engine");
#pragma HLS inline off
#pragma HLS array_reshape variable = weight type = complete dim = 2
#pragma HLS array_reshape variable = bias type = complete dim = 2
#pragma HLS array_reshape variable = multiplier type = complete dim = 2
  const work& w = task.shape;
  const int blocks = ceil_div(w.outputs, C::PO);
  const int groups = groups_of(w, C::PO, task.side);
  const int steps = steps_of(w, C::T, C::P);
  const stored<typename C::In, BITS, SIZE> source = {memory, task.read, task.is_signed,
                                                     before.missing(w), w.pad};
rows:
  for (int r = 0; r < w.row.count; ++r) {
    int result = 0;
  columns:
    for (int c = 0; c < w.column.count; ++c) {
      const hwgen::steps taken = steps_at(w, task.skip, r, c, C::T, C::P);
    groups:
      for (int g = 0; g < groups; ++g) {
        typename C::Acc acc[C::PO];
#pragma HLS array_partition variable = acc type = complete
        const int together = together_of(w, g, blocks, task.side);
        const int own = w.set(c) * groups + g;
        mac_group<C>(source, w, w.at(r, c, g / blocks * task.side), together, taken,
                     task.word + own * steps, weight, bias[task.group + own], acc);
        const int rest = together * (w.outputs - g % blocks * C::PO);
      results:
        for (int o = 0; o < C::PO && o < rest; ++o) {
#pragma HLS pipeline II = 1
          const typename C::Result code =
              scale<typename C::Result>(acc[o], multiplier[task.group + own][o], task.scale);
          memory[task.write.at(r, result++)] = ap_uint<BITS>(code);
        }
      }
    }
  }
  before.next(w);
}

}  // namespace hwgen
