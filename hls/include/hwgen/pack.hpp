// Keys and values of four bits: rows with a size each; the rules are in docs/attention.md.
#pragma once

#include "hwgen/attend.hpp"
#include "hwgen/rom.hpp"

namespace hwgen {

const int PACK_LEVELS = 7;  // codes are in [-7, 7]
const int PACK_FRACTION = 16;
const int KEY_UNIT = 8;  // sizes of keys are in units of 2**8 of the factor of the logits

// Z[a] = 64 * log2(128 / a), rounded: how much a value of size a lowers its numerator's logarithm
static const rom<ap_uint<9>> VALUE_LOGS[129] = {
    268, 268, 268, 268, 268, 268, 268, 268, 256, 245, 235, 227, 219, 211, 204, 198,
    192, 186, 181, 176, 171, 167, 163, 158, 155, 151, 147, 144, 140, 137, 134, 131,
    128, 125, 122, 120, 117, 115, 112, 110, 107, 105, 103, 101, 99, 97, 94, 93, 91, 89,
    87, 85, 83, 81, 80, 78, 76, 75, 73, 72, 70, 68, 67, 65, 64, 63, 61, 60, 58, 57, 56,
    54, 53, 52, 51, 49, 48, 47, 46, 45, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33, 32,
    30, 29, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 17, 16, 15, 14, 13, 12,
    12, 11, 10, 9, 8, 8, 7, 6, 5, 4, 4, 3, 2, 1, 1, 0};

// W[a] = 7 * 2**16 / a, rounded; rows of size 7 and less fit as they are
struct inverse_table {
  int of[256];
  constexpr inverse_table() : of() {
    for (int a = 0; a < 256; ++a) {
      const int size = a < PACK_LEVELS ? PACK_LEVELS : a;
      of[a] = ((PACK_LEVELS << (PACK_FRACTION + 1)) + size) / (2 * size);
    }
  }
};
static constexpr inverse_table PACK_INVERSE;

// The factor of a key's logit.
inline ap_uint<16> key_factor(const ap_uint<8>& size, const ap_uint<16>& multiplier) {
#pragma HLS inline
  const ap_int<26> product = size * multiplier;
  return ap_uint<16>(round_shift(product, KEY_UNIT));
}

// Keys or values as they lie in a buffer: a code in an element, or two of four bits.
template <int BITS, int SIZE>
struct kept {
  stored<ap_int<8>, BITS, SIZE> codes;
  bool packed;
  int sizes, pitch;  // address of the sizes, and from a key head to the next one

  ap_int<8> read(int index) const {
#pragma HLS inline
    if (!packed) return codes.read(index);
    const ap_int<8> pair = codes.read(index >> 1);
    return index & 1 ? ap_int<8>(pair >> 4) : ap_int<8>(ap_int<4>(pair));
  }

  ap_uint<8> size(int head, int slot) const {
#pragma HLS inline
    return ap_uint<8>(codes.memory[sizes + head * pitch + slot]);
  }
};

// What joins a cache of four bits in one phase.
struct pack_task {
  int read;  // address of the tensor
  bool is_signed;
  int codes, sizes;     // addresses in the cache
  bool staged;          // codes and sizes of a tensor lie row by row, to be appended to a cache
  int heads, elements;  // of a row
  int pitch;            // sizes from a key head to the next one
  int mean;             // where its means begin in the table of all; -1: it has none
  slots place;
  int counter;  // its count of tokens
};

template <int BITS, int SIZE, int COUNTERS, class Mean, int MEANS>
void pack(ap_uint<BITS> (&memory)[SIZE], const pack_task& task, const Mean (&means)[1][MEANS],
          const int (&tokens)[COUNTERS]) {
#pragma HLS inline off
  const stored<ap_int<8>, BITS, SIZE> source = {memory, task.read, task.is_signed};
  const int before = task.place.before(tokens[task.counter]);
  const int row = task.heads * task.elements;
rows:
  for (int t = 0; t < task.place.tokens; ++t) {
    const int slot = task.place.slot(before + t);
    const int to = (task.staged ? t : slot) * row;
  heads:
    for (int h = 0; h < task.heads; ++h) {
      const auto left = [&](int i) {
        const int at = h * task.elements + i;
        const int mean = task.mean < 0 ? 0 : int(means[0][task.mean + at]);
        return ap_int<9>(source.read(t * row + at) - ap_int<8>(mean));
      };
      int size = PACK_LEVELS;
    largest:
      for (int i = 0; i < task.elements; ++i) {
#pragma HLS pipeline II = 1
        const int x = left(i).to_int();
        const int magnitude = x < 0 ? -x : x;
        if (magnitude > size) size = magnitude;
      }
      const ap_int<18> inverse = PACK_INVERSE.of[size];
      ap_uint<8> pair = 0;
    codes:
      for (int i = 0; i < task.elements; ++i) {
#pragma HLS pipeline II = 1
        const ap_int<27> product = left(i) * inverse;
        const ap_uint<4> code = ap_uint<4>(round_shift(product, PACK_FRACTION));
        if (i & 1) {
          const ap_uint<8> both = ap_uint<8>(pair + (ap_uint<8>(code) << 4));
          memory[task.codes + ((to + h * task.elements + i) >> 1)] = ap_uint<BITS>(both);
        } else {
          pair = code;
        }
      }
      const int beside = task.staged ? t * task.heads + h : h * task.pitch + slot;
      memory[task.sizes + beside] = ap_uint<BITS>(size);
    }
  }
}

}  // namespace hwgen
