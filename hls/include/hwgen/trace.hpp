// Intermediate tensors of a C simulation, written to `trace_<task>.bin` (int64, stream order).
//
// Compile with HWGEN_TRACE; nothing of it is synthesised.
#pragma once

#include "hwgen/stream.hpp"

#if defined(HWGEN_TRACE) && !defined(__SYNTHESIS__)
#include <cstdint>
#include <cstdio>

namespace hwgen {

inline void trace_code(std::FILE* file, std::int64_t code) {
  std::fwrite(&code, sizeof code, 1, file);
}

// A stream's beats pass through: read, recorded, written back in the same order.
template <class T, int L>
void trace_stream(const char* file_name, hls::stream<beat<T, L>>& stream, int beats) {
  std::FILE* file = std::fopen(file_name, "ab");
  for (int i = 0; i < beats; ++i) {
    const beat<T, L> item = stream.read();
    for (int l = 0; l < L; ++l) trace_code(file, item.lane[l].to_int64());
    stream.write(item);
  }
  std::fclose(file);
}

// `elements` codes of type T of the shared buffer.
template <class T, int BITS, int SIZE>
void trace_memory(const char* file_name, const ap_uint<BITS> (&memory)[SIZE], int address,
                  int elements) {
  std::FILE* file = std::fopen(file_name, "ab");
  for (int i = 0; i < elements; ++i) trace_code(file, T(memory[address + i]).to_int64());
  std::fclose(file);
}

}  // namespace hwgen
#endif

// Statements of their own, without a semicolon: a dataflow region holds calls and nothing else.
#if defined(HWGEN_TRACE) && !defined(__SYNTHESIS__)
#define HWGEN_TRACE_STREAM(name, stream, beats) \
  hwgen::trace_stream("trace_" name ".bin", stream, beats);
#define HWGEN_TRACE_MEMORY(name, type, memory, address, elements) \
  hwgen::trace_memory<type>("trace_" name ".bin", memory, address, elements);
#else
#define HWGEN_TRACE_STREAM(name, stream, beats)
#define HWGEN_TRACE_MEMORY(name, type, memory, address, elements)
#endif
