// Every operation of the integer types on every pair of the values in a file; results as int64.
//
//   int_ops VALUES RESULTS
#include <cstdint>
#include <cstdio>
#include <vector>

#include "hwgen/int_types.hpp"

static std::vector<std::int64_t> values, results;

static void put(std::int64_t value) { results.push_back(value); }

template <class A, class B>
void binary() {
  for (std::int64_t i : values) {
    for (std::int64_t k : values) {
      const A a = i;
      const B b = k;
      put((a + b).to_int64());
      put((a - b).to_int64());
      put((a * b).to_int64());
      A kept = a;
      kept += b;
      put(kept.to_int64());
      kept -= a * b;
      put(kept.to_int64());
    }
  }
}

template <class A, class B>
void compare() {
  for (std::int64_t i : values) {
    for (std::int64_t k : values) {
      const A a = i;
      const B b = k;
      put((a < b) | (a <= b) << 1 | (a > b) << 2 | (a >= b) << 3 | (a == b) << 4 | (a != b) << 5);
    }
  }
}

template <class A, int W>
void unary() {
  for (std::int64_t i : values) {
    const A a = i;
    put(a.to_int64());
    put(a.to_int());
    put((-a).to_int64());
    put(ap_int<W + 3>(a).to_int64());
    put(ap_uint<(W + 1) / 2>(a).to_int64());
    put(ap_int<W>(ap_uint<W>(a)).to_int64());
    for (int s = 0; s < W; ++s) {
      put((a >> s).to_int64());
      put((a << s).to_int64());
    }
  }
}

template <int W>
void slices() {
  for (std::int64_t i : values) {
    ap_uint<W> word = 0;
    const ap_int<7> part = i;
    for (int low = 0; low + 7 <= W; low += 5) {
      word.range(low + 6, low) = ap_uint<7>(part);
      put(std::int64_t(ap_uint<7>(word.range(low + 6, low)).to_int64()));
    }
    for (int low = 0; low < W; ++low) put(ap_uint<1>(word.range(low, low)).to_int64());
  }
}

int main(int, char** argv) {
  std::FILE* file = std::fopen(argv[1], "rb");
  std::int64_t value;
  while (std::fread(&value, sizeof value, 1, file) == 1) values.push_back(value);
  std::fclose(file);

#define UNARY(W) unary<ap_int<W>, W>(), unary<ap_uint<W>, W>()
#define PAIR(A, B)                                                   \
  binary<ap_int<A>, ap_int<B>>(), binary<ap_int<A>, ap_uint<B>>(),   \
      binary<ap_uint<A>, ap_int<B>>(), binary<ap_uint<A>, ap_uint<B>>(), \
      compare<ap_int<A>, ap_int<B>>(), compare<ap_uint<A>, ap_uint<B>>()
  UNARY(2), UNARY(3), UNARY(5), UNARY(8), UNARY(16), UNARY(31), UNARY(48);
  PAIR(1, 3), PAIR(3, 2), PAIR(4, 4), PAIR(8, 5), PAIR(16, 16), PAIR(17, 31), PAIR(32, 16);
  slices<12>(), slices<64>(), slices<70>(), slices<150>();

  file = std::fopen(argv[2], "wb");
  std::fwrite(results.data(), sizeof value, results.size(), file);
  return std::fclose(file);
}
