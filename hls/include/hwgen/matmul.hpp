// matmul: y[t][f] = requantise(sum over i of a[t][i] * b[i][f]), or b[f][i] if transposed
#pragma once

#include "hwgen/attend.hpp"

namespace hwgen {

// C holds Acc, and Result, a signed type that holds every output code.
template <class C, int BITS, int SIZE>
void matmul(ap_uint<BITS> (&memory)[SIZE], const attend_task& task) {
#pragma HLS inline off
  typedef ap_int<(BITS < 16 ? BITS + 1 : 16)> Operand;  // holds unsigned codes as well
  const stored<Operand, BITS, SIZE> a = {memory, task.read[0], task.is_signed[0]};
  const stored<Operand, BITS, SIZE> b = {memory, task.read[1], task.is_signed[1]};
  const int along = task.transposed ? 1 : task.features;
  const int across = task.transposed ? task.inner : 1;
rows:
  for (int t = 0; t < task.queries; ++t) {
  features:
    for (int f = 0; f < task.features; ++f) {
      typename C::Acc acc = 0;
    inner:
      for (int i = 0; i < task.inner; ++i) {
#pragma HLS pipeline II = 1
        acc += a.read(t * task.inner + i) * b.read(f * across + i * along);
      }
      const typename C::Result code =
          scale<typename C::Result>(acc, ap_uint<16>(task.multiplier), task.scale);
      memory[task.write.at(t, f)] = ap_uint<BITS>(code);
    }
  }
}

}  // namespace hwgen
