// linear with operands of 4 and 8 bits in blocks: the engine of a sequential accelerator
//
// operand = clamp(round_half_up(code / 2^shift)); acc += operand * weight * 2^up.  The integers are
// those of the array of 4-bit multipliers, which takes an operand and a weight of 8 bits as two
// digits each; here a multiplier takes them whole.
#pragma once

#include "hwgen/mac.hpp"
#include "hwgen/memory.hpp"

namespace hwgen {

// What the engine is to do in one phase.
struct block_task {
  int tokens, elements, outputs;
  int read;        // address of the input tensor
  bool is_signed;  // of its codes
  destination write;
  int tiles, tile;  // tiles of a token, and the first row of their places and kinds
  int word;         // first row of weights
  int result;       // first row of biases and multipliers
  scaling scale;
};

// Columns of a tile's row of kinds.
enum block_kind { BLOCK_BITS, BLOCK_SHIFT, BLOCK_UP, BLOCK_KINDS };

constexpr int BLOCK_OPERAND = 9;  // bits of a signed operand, those of 8 unsigned bits too

// The operand of a code in a block of 4 or 8 bits; 8 signed ones are 16 * [-8, 7] + [-8, 7].
template <int W>
ap_int<BLOCK_OPERAND> block_operand(const ap_int<W>& code, bool is_signed, int bits, int shift) {
#pragma HLS inline
  const int low = !is_signed ? 0 : bits == 4 ? -8 : -128;
  const int high = is_signed ? (bits == 4 ? 7 : 119) : (1 << bits) - 1;
  constexpr int wide = W > BLOCK_OPERAND ? W + 1 : BLOCK_OPERAND + 1;
  return ap_int<BLOCK_OPERAND>(saturate<wide>(round_shift(code, shift), low, high));
}

// C holds Weight, Acc, R (elements of a tile), TILES (most of a token), and Result, a signed type
// that holds every output code.  weight[task.word + output * tiles + tile] holds a tile's weights,
// zero behind the last element of a block.
template <class C, int BITS, int SIZE, int WORDS, int ROWS, int RESULTS>
void block_linear(ap_uint<BITS> (&memory)[SIZE], const block_task& task,
                  const rom<typename C::Weight> (&weight)[WORDS][C::R],
                  const rom<ap_uint<31>> (&place)[ROWS][C::R],
                  const rom<ap_uint<8>> (&kind)[ROWS][BLOCK_KINDS],
                  const rom<typename C::Acc> (&bias)[RESULTS][1],
                  const rom<ap_uint<16>> (&multiplier)[RESULTS][1]) {
#pragma HLS inline off
#pragma HLS array_reshape variable = weight type = complete dim = 2
  typedef ap_int<BITS + 1> Code;  // holds unsigned codes as well
  const stored<Code, BITS, SIZE> source = {memory, task.read, task.is_signed};
  ap_int<BLOCK_OPERAND> operand[C::TILES][C::R];
#pragma HLS array_partition variable = operand type = complete dim = 2
tokens:
  for (int t = 0; t < task.tokens; ++t) {
  operands:
    for (int k = 0; k < task.tiles; ++k) {
      const int bits = ap_uint<8>(kind[task.tile + k][BLOCK_BITS]).to_int();
      const int shift = ap_uint<8>(kind[task.tile + k][BLOCK_SHIFT]).to_int();
      for (int r = 0; r < C::R; ++r) {
#pragma HLS pipeline II = 1
        const Code code = source.read(t * task.elements + ap_uint<31>(place[task.tile + k][r]).to_int());
        operand[k][r] = block_operand(code, task.is_signed, bits, shift);
      }
    }
  outputs:
    for (int o = 0; o < task.outputs; ++o) {
      typename C::Acc acc = bias[task.result + o][0];
    tiles:
      for (int k = 0; k < task.tiles; ++k) {
#pragma HLS pipeline II = 1
        typename C::Acc sum = 0;
        for (int r = 0; r < C::R; ++r) {
#pragma HLS unroll
          sum += operand[k][r] *
                 typename C::Weight(weight[task.word + o * task.tiles + k][r]);
        }
        acc += sum << ap_uint<8>(kind[task.tile + k][BLOCK_UP]).to_int();
      }
      const typename C::Result code = scale<typename C::Result>(
          acc, ap_uint<16>(multiplier[task.result + o][0]), task.scale);
      memory[task.write.at(t, o)] = ap_uint<BITS>(code);
    }
  }
}

}  // namespace hwgen
