// avg_pool2d: y[c] = requantise(sum of channel c in the window); M / 2**shift divides.
#pragma once

#include "hwgen/vector.hpp"

namespace hwgen {

struct sum_fold {
  template <class Acc>
  static void take(folded<Acc>& state, const Acc& x, int step) {
    state.value = step == 0 ? x : Acc(state.value + x);
  }
  template <class Acc>
  static Acc result(const folded<Acc>& state) {
    return state.value;
  }
};

template <class C>
void avg_pool2d(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
                hls::stream<beat<typename C::Out, C::L>>& out) {
  vector<C, sum_fold>(in, out);
}

}  // namespace hwgen
