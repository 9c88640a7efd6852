// round_shift and saturate over the values of a file; results as int64.
//
//   rounding VALUES RESULTS
#include <cstdint>
#include <cstdio>
#include <vector>

#include "hwgen/fixed.hpp"

static std::vector<std::int64_t> values, results;

template <int W>
void every_shift() {
  for (std::int64_t value : values) {
    const ap_int<W> v = value;
    for (int shift = 0; shift < W; ++shift) results.push_back(hwgen::round_shift(v, shift).to_int64());
    results.push_back(hwgen::saturate<W>(v, -5, 9).to_int64());
  }
}

int main(int, char** argv) {
  std::FILE* file = std::fopen(argv[1], "rb");
  std::int64_t value;
  while (std::fread(&value, sizeof value, 1, file) == 1) values.push_back(value);
  std::fclose(file);
  every_shift<5>(), every_shift<12>(), every_shift<33>(), every_shift<49>();
  file = std::fopen(argv[2], "wb");
  std::fwrite(results.data(), sizeof value, results.size(), file);
  return std::fclose(file);
}
