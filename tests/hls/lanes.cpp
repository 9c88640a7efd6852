// Packed operands, one product and its lanes, against plain products and sums: of the forms in
// forms.hpp, whose structs have the constants that engines have, and besides
//   SAMPLES, TAPS   operands of each kind
//   X_LOW, X_HIGH, W_LOW, W_HIGH   their ranges
#include "hwgen/lanes.hpp"

#include <cstdint>
#include <cstdio>

namespace {

std::uint64_t state = 1;

int below(int count) {  // Knuth's MMIX
  state = state * 6364136223846793005u + 1442695040888963407u;
  return int((state >> 33) % std::uint64_t(count));
}

// An end of the range more often than not.
int draw(int low, int high) {
  const int what = below(4);
  return what == 0 ? low : what == 1 ? high : low + below(high - low + 1);
}

template <class F>
bool check(const char* name) {
  typedef ap_int<20> Number;
  for (int round = 0; round < 20000; ++round) {
    int x[F::SAMPLES], w[F::TAPS], expected[F::LANES] = {};
    Number xs[F::SAMPLES], ws[F::TAPS];
    for (int i = 0; i < F::SAMPLES; ++i) xs[i] = x[i] = draw(F::X_LOW, F::X_HIGH);
    for (int j = 0; j < F::TAPS; ++j) ws[j] = w[j] = draw(F::W_LOW, F::W_HIGH);
    std::int64_t first = 0, second = 0;
    for (int i = 0; i < F::SAMPLES; ++i) first += std::int64_t(x[i]) << (i * F::X_PITCH);
    for (int j = 0; j < F::TAPS; ++j) second += std::int64_t(w[j]) << (j * F::W_PITCH);
    for (int i = 0; i < F::SAMPLES; ++i) {
      for (int j = 0; j < F::TAPS; ++j) {
        expected[(i * F::X_PITCH + j * F::W_PITCH) / F::PITCH] += x[i] * w[j];
      }
    }
    const auto a = hwgen::pack<F::X_PORT, F::X_PITCH>(xs);
    const auto b = hwgen::pack<F::W_PORT, F::W_PITCH>(ws);
    const ap_int<F::WIDE> product = a * b;
    ap_int<F::VALUE> value[F::LANES];
    hwgen::split<F>(product, xs, ws, value);
    bool right = a.to_int64() == first && b.to_int64() == second;
    for (int lane = 0; lane < F::LANES; ++lane) right &= value[lane].to_int() == expected[lane];
    if (!right) {
      std::printf("%s: wrong in round %d\n", name, round);
      return false;
    }
  }
  return true;
}

}  // namespace

#include "forms.hpp"

int main() { return check_all() ? 0 : 1; }
