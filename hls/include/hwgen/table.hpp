// Results by the codes of an input, in every lane: the engine behind gelu and silu.
#pragma once

#include "hwgen/feed.hpp"
#include "hwgen/memory.hpp"
#include "hwgen/rom.hpp"
#include "hwgen/work.hpp"

namespace hwgen {

// C holds In, Out, L, IN_LANES, shape() and LOW, the code whose result comes first.
template <class C, int WORDS>
void look_up(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
             hls::stream<beat<typename C::Out, C::L>>& out,
             const rom<typename C::Out> (&table)[1][WORDS]) {
  constexpr work w = C::shape();
  feed<beat<typename C::In, C::IN_LANES>, C::L> held;
beats:
  for (int i = 0; i < w.results(); i += C::L) {
#pragma HLS pipeline II = 1
    typename C::In x[C::L];
    held.next(in, x);
    beat<typename C::Out, C::L> packed;
    for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
      packed.lane[l] = table[0][x[l].to_int() - int(C::LOW)];
    }
    out.write(packed);
  }
}

// What the engine of a sequential accelerator is to do in one phase.
struct table_task {
  int elements;
  int read;        // address of the input tensor
  bool is_signed;  // of its codes
  int write;
  int zero;        // where the result of code 0 is in the table of all
};

// C holds In and Result.
template <class C, int BITS, int SIZE, class Code, int WORDS>
void shared_table(ap_uint<BITS> (&memory)[SIZE], const table_task& task,
                  const Code (&table)[1][WORDS]) {
#pragma HLS inline off
  const stored<typename C::In, BITS, SIZE> source = {memory, task.read, task.is_signed};
elements:
  for (int i = 0; i < task.elements; ++i) {
#pragma HLS pipeline II = 1
    const typename C::Result code = table[0][task.zero + source.read(i).to_int()];
    memory[task.write + i] = ap_uint<BITS>(code);
  }
}

}  // namespace hwgen
