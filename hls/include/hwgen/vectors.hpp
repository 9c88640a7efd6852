// Files of the testbench: codes as little-endian int64, tensor after tensor in stream order.
#pragma once

#include <cstdint>
#include <cstdio>
#include <vector>

#include "hwgen/link.hpp"

namespace hwgen {

// All codes of a file; false if it cannot be read.
inline bool read_codes(const char* name, std::vector<std::int64_t>& codes) {
  std::FILE* file = std::fopen(name, "rb");
  if (file == nullptr) return false;
  std::fseek(file, 0, SEEK_END);
  codes.resize(std::size_t(std::ftell(file)) / sizeof(std::int64_t));
  std::fseek(file, 0, SEEK_SET);
  const std::size_t count = std::fread(codes.data(), sizeof(std::int64_t), codes.size(), file);
  std::fclose(file);
  return count == codes.size();
}

inline bool write_codes(const char* name, const std::vector<std::int64_t>& codes) {
  std::FILE* file = std::fopen(name, "wb");
  if (file == nullptr) return false;
  const std::size_t count = std::fwrite(codes.data(), sizeof(std::int64_t), codes.size(), file);
  return std::fclose(file) == 0 && count == codes.size();
}

// Send one tensor from `codes` on.
template <class T, int BITS, int L>
void drive(const std::int64_t* codes, int beats, hls::stream<axis_beat<BITS * L>>& out) {
  for (int i = 0; i < beats; ++i) {
    beat<T, L> item;
    for (int l = 0; l < L; ++l) item.lane[l] = T(*codes++);
    out.write(transfer<BITS * L>(pack<BITS>(item), i == beats - 1));
  }
}

// Take one tensor and append its codes.
template <class T, int BITS, int L>
void collect(hls::stream<axis_beat<BITS * L>>& in, int beats, std::vector<std::int64_t>& codes) {
  for (int i = 0; i < beats; ++i) {
    const axis_beat<BITS * L> item = in.read();
    const beat<T, L> lanes = unpack<T, BITS, L>(item.data);
    for (int l = 0; l < L; ++l) codes.push_back(lanes.lane[l].to_int64());
  }
}

}  // namespace hwgen
