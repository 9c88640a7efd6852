// The engine of a sequential accelerator for ops on rows: one datapath, one task at a time.
#pragma once

#include "hwgen/hadamard.hpp"
#include "hwgen/memory.hpp"
#include "hwgen/normalize.hpp"
#include "hwgen/softmax.hpp"

namespace hwgen {

// What the engine is to do in one phase.
struct norm_task {
  work shape;
  int read;        // address of the input tensor
  bool is_signed;  // of its codes
  destination write;
  norm_constants norm;
  int word;  // first row of gains and addends
  scaling scale;
};

struct softmax_task {
  work shape;
  int read;
  bool is_signed;
  destination write;
  softmax_constants softmax;
  scaling scale;
};

struct hadamard_task {
  work shape;
  int read;
  bool is_signed;
  destination write;
  hadamard_constants hadamard;
  int word;  // first row of signs
  scaling scale;
};

// C holds In, L (elements at once), and Result, a signed type that holds every code; the tables
// have a row per beat of all tasks.
template <class C, int BITS, int SIZE, int BEATS>
void shared_norm(ap_uint<BITS> (&memory)[SIZE], const norm_task& task,
                 const rom<gain_type> (&gain)[BEATS][C::L],
                 const rom<addend_type> (&addend)[BEATS][C::L]) {
#pragma HLS inline off
  const stored<typename C::In, BITS, SIZE> source = {memory, task.read, task.is_signed};
  const int features = task.norm.features;
rows:
  for (int r = 0; r < task.shape.row.count; ++r) {
    row_sums sums;
  sum:
    for (int x = 0; x < features; x += C::L) {
#pragma HLS pipeline II = 1
      for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
        sums.take(source.read(r * features + x + l).to_int() - task.norm.zero);
      }
    }
    const norm_scale scale(task.norm, sums);
  scale:
    for (int b = 0; b < features / C::L; ++b) {
#pragma HLS pipeline II = 1
      for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
        const int index = b * C::L + l;
        const int x = source.read(r * features + index).to_int() - task.norm.zero;
        const typename C::Result code = scale.template code<typename C::Result>(
            x, gain[task.word + b][l], addend[task.word + b][l], task.scale);
        memory[task.write.at(r, index)] = ap_uint<BITS>(code);
      }
    }
  }
}

// C holds In, L, Result, and FEATURES, the most elements of a row.
template <class C, int BITS, int SIZE>
void shared_softmax(ap_uint<BITS> (&memory)[SIZE], const softmax_task& task) {
#pragma HLS inline off
  const stored<typename C::In, BITS, SIZE> source = {memory, task.read, task.is_signed};
  const int features = task.shape.channel.count;
  ap_uint<16> parts[C::FEATURES];
#pragma HLS array_partition variable = parts type = cyclic factor = C::L
rows:
  for (int r = 0; r < task.shape.row.count; ++r) {
    base2_log largest = -LOG_LIMIT;
  logarithms:
    for (int x = 0; x < features; x += C::L) {
#pragma HLS pipeline II = 1
      for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
        const base2_log y = task.softmax.log(source.read(r * features + x + l).to_int());
        if (y > largest) largest = y;
      }
    }
    const int exponent = (largest.to_int() + (1 << EXP2_FRACTION) - 1) >> EXP2_FRACTION;
    std::int64_t total = 0;
  numerators:
    for (int x = 0; x < features; x += C::L) {
#pragma HLS pipeline II = 1
      for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
        const base2_log y = task.softmax.log(source.read(r * features + x + l).to_int());
        parts[x + l] = row_numerator(y, exponent);
        total += parts[x + l].to_int();
      }
    }
    const row_share share(total, task.softmax, task.scale);
  results:
    for (int x = 0; x < features; x += C::L) {
#pragma HLS pipeline II = 1
      for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
        const typename C::Result code = share.template code<typename C::Result>(parts[x + l]);
        memory[task.write.at(r, x + l)] = ap_uint<BITS>(code);
      }
    }
  }
}

// C holds In, L, Result, and FEATURES, the most elements of a row; the table has a row per beat of
// all tasks.
template <class C, int BITS, int SIZE, int BEATS>
void shared_hadamard(ap_uint<BITS> (&memory)[SIZE], const hadamard_task& task,
                     const rom<sign_type> (&sign)[BEATS][C::L]) {
#pragma HLS inline off
  const stored<typename C::In, BITS, SIZE> source = {memory, task.read, task.is_signed};
  const int features = task.hadamard.features;
  hadamard_row<C::FEATURES> values;
rows:
  for (int r = 0; r < task.shape.row.count; ++r) {
  load:
    for (int x = 0; x < features; x += C::L) {
#pragma HLS pipeline II = 1
      for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
        const int code = source.read(r * features + x + l).to_int() - task.hadamard.zero;
        values.load(x + l, sign[task.word + x / C::L][l] < 0 ? -code : code);
      }
    }
    values.transform(features);
  results:
    for (int x = 0; x < features; x += C::L) {
#pragma HLS pipeline II = 1
      for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
        const typename C::Result code = values.template code<typename C::Result>(
            x + l, task.hadamard.multiplier, task.scale);
        memory[task.write.at(r, x + l)] = ap_uint<BITS>(code);
      }
    }
  }
}

}  // namespace hwgen
