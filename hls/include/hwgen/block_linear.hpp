// linear with operands of 4 and 8 bits in blocks: the engine of a sequential accelerator
//
// operand = clamp(round_half_up(code / 2^shift)); acc += operand * weight * 2^up.  As in the array, a
// multiplier takes two tokens by two outputs: operands and weights have 4 bits, or the two tokens
// are the digits of an operand of 8 bits (16 * [-8, 7] + [-8, 7]), the two outputs those of a weight
// of 8 bits (15 * [-7, 7] + [-7, 7]).  Unsigned operands are stored less the middle of their range,
// which makes their digits signed; biases make up for it.
#pragma once

#include "hwgen/lanes.hpp"
#include "hwgen/memory.hpp"
#include "hwgen/rom.hpp"
#include "hwgen/scaling.hpp"

namespace hwgen {

// What the engine is to do in one phase.
struct block_task {
  int tokens, elements, outputs;
  int digits;      // of a weight
  int read;        // address of the input tensor
  bool is_signed;  // of its codes
  destination write;
  int tiles, tile;  // tiles of a token, and the first row of their places and kinds
  int steps;        // of a pair of tokens and of outputs: one of each tile, two of 8 bits
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

// What is taken from an unsigned operand, so that its digits are signed.
constexpr int block_middle(int bits) { return bits == 4 ? 8 : 16 * 8 + 8; }

// The operands of a step: those of two tokens, or the digits of one of 8 bits, the low one first.
inline void block_digits(const ap_int<BLOCK_OPERAND> (&operand)[2], bool wide, int token,
                         ap_int<4> (&digit)[2]) {
#pragma HLS inline
  digit[0] = operand[0];
  digit[1] = operand[1];
  if (wide) {
    digit[0] = operand[token];
    digit[1] = (operand[token] - digit[0]) >> 4;
  }
}

// A step of a pair of tokens: a tile of both, or of 8 bits one token after the other.
struct block_step {
  int tile = 0, token = 0;

  void advance(bool wide, int tokens) {
#pragma HLS inline
    const bool again = wide && token + 1 < tokens;
    token = again ? 1 : 0;
    if (!again) ++tile;
  }
};

// C holds Weight, Acc, R (elements of a tile), TILES (most of a token), STEPS (most of two), Result,
// a signed type that holds every output code, and the form of a multiplier: see lanes.hpp.
// weight[task.word + pair * tiles + tile] holds a tile's weights of two outputs, or the digits of
// one, the second ones behind the first ones and less their borrow; zero behind the last element of
// a block and the last output.
template <class C, int BITS, int SIZE, int WORDS, int ROWS, int RESULTS>
void block_linear(ap_uint<BITS> (&memory)[SIZE], const block_task& task,
                  const rom<typename C::Weight> (&weight)[WORDS][2 * C::R],
                  const rom<ap_uint<31>> (&place)[ROWS][C::R],
                  const rom<ap_uint<8>> (&kind)[ROWS][BLOCK_KINDS],
                  const rom<typename C::Acc> (&bias)[RESULTS][2],
                  const rom<ap_uint<16>> (&multiplier)[RESULTS][2]) {
#pragma HLS inline off
#pragma HLS array_reshape variable = weight type = complete dim = 2
#pragma HLS array_reshape variable = bias type = complete dim = 2
#pragma HLS array_reshape variable = multiplier type = complete dim = 2
  typedef ap_int<BITS + 1> Code;  // holds unsigned codes as well
  const stored<Code, BITS, SIZE> source = {memory, task.read, task.is_signed};
  ap_int<BLOCK_OPERAND> operand[C::TILES][C::R][2];
#pragma HLS array_partition variable = operand type = complete dim = 2
#pragma HLS array_partition variable = operand type = complete dim = 3
  ap_int<C::X_PORT> port[C::STEPS][C::R];  // the operands of a step, side by side
#pragma HLS array_partition variable = port type = complete dim = 2
tokens:
  for (int t = 0; t < task.tokens; t += 2) {
    const int tokens = task.tokens - t < 2 ? 1 : 2;
    const int each = 2 / task.digits;  // outputs of a pair
  pair:
    for (int p = 0; p < 2; ++p) {
    operands:
      for (int k = 0; k < task.tiles; ++k) {
        const int bits = ap_uint<8>(kind[task.tile + k][BLOCK_BITS]).to_int();
        const int shift = ap_uint<8>(kind[task.tile + k][BLOCK_SHIFT]).to_int();
        const int middle = task.is_signed ? 0 : block_middle(bits);
        for (int r = 0; r < C::R; ++r) {
#pragma HLS pipeline II = 1
          const int element = ap_uint<31>(place[task.tile + k][r]).to_int();
          Code code = 0;  // of a token that is not there
          if (p < tokens) code = source.read((t + p) * task.elements + element);
          operand[k][r][p] = block_operand(code, task.is_signed, bits, shift) - ap_int<9>(middle);
        }
      }
    }
    const int steps = tokens == 2 ? task.steps : task.tiles;
    block_step packed;
  packing:
    for (int n = 0; n < steps; ++n) {
      const bool wide = ap_uint<8>(kind[task.tile + packed.tile][BLOCK_BITS]).to_int() == 8;
      for (int r = 0; r < C::R; ++r) {
#pragma HLS pipeline II = 1
        ap_int<4> digit[2];
        block_digits(operand[packed.tile][r], wide, packed.token, digit);
        port[n][r] = hwgen::pack<C::X_PORT, C::X_PITCH>(digit);
      }
      packed.advance(wide, tokens);
    }
  outputs:
    for (int pair = 0; pair * each < task.outputs; ++pair) {
      typename C::Acc acc[2][2];
#pragma HLS array_partition variable = acc type = complete dim = 0
      for (int p = 0; p < 2; ++p) {
#pragma HLS unroll
        for (int q = 0; q < 2; ++q) {
#pragma HLS unroll
          acc[p][q] = bias[task.result + pair][q];
        }
      }
      block_step at;
    steps:
      for (int n = 0; n < steps; ++n) {
#pragma HLS pipeline II = 1
        const bool wide = ap_uint<8>(kind[task.tile + at.tile][BLOCK_BITS]).to_int() == 8;
        const int up = ap_uint<8>(kind[task.tile + at.tile][BLOCK_UP]).to_int();
        const int row = task.word + pair * task.tiles + at.tile;
        typename C::Acc sum[2][2] = {{0, 0}, {0, 0}};
        for (int r = 0; r < C::R; ++r) {
#pragma HLS unroll
          ap_int<C::W_PITCH> weights[2];
          for (int q = 0; q < 2; ++q) {
#pragma HLS unroll
            weights[q] = typename C::Weight(weight[row][q * C::R + r]);
          }
          const ap_int<C::WIDE> product = port[n][r] * join<C::W_PORT>(weights);
          ap_int<C::VALUE> value[C::LANES];
          split<C>(product, value);
          for (int q = 0; q < 2; ++q) {
#pragma HLS unroll
            for (int p = 0; p < 2; ++p) {
#pragma HLS unroll
              sum[p][q] += value[lane_of<C>(p, q)];
            }
          }
        }
        for (int q = 0; q < 2; ++q) {
#pragma HLS unroll
          const typename C::Acc joined = sum[0][q] + (sum[1][q] << 4);
          for (int p = 0; p < 2; ++p) {
#pragma HLS unroll
            if (!wide || p == at.token) acc[p][q] += (wide ? joined : sum[p][q]) << up;
          }
        }
        at.advance(wide, tokens);
      }
    results:
      for (int p = 0; p < tokens; ++p) {
        if (task.digits == 2) acc[p][0] += (acc[p][1] << 4) - acc[p][1];
        for (int q = 0; q < each && pair * each + q < task.outputs; ++q) {
#pragma HLS pipeline II = 1
          const typename C::Result code = scale<typename C::Result>(
              acc[p][q], ap_uint<16>(multiplier[task.result + pair][q]), task.scale);
          memory[task.write.at(t + p, pair * each + q)] = ap_uint<BITS>(code);
        }
      }
    }
  }
}

}  // namespace hwgen
