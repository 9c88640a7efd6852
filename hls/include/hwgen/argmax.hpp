// argmax: the index of the largest code, the first one of equals.
#pragma once

#include "hwgen/vector.hpp"

namespace hwgen {

struct argmax_fold {
  template <class Acc>
  static void take(folded<Acc>& state, const Acc& x, int step) {
    if (step == 0 || x > state.value) {
      state.value = x;
      state.step = step;
    }
  }
  template <class Acc>
  static Acc result(const folded<Acc>& state) {
    return Acc(state.step);
  }
};

template <class C>
void argmax(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
            hls::stream<beat<typename C::Out, C::L>>& out) {
  static_assert(C::L == 1, "one index");
  vector<C, argmax_fold>(in, out);
}

}  // namespace hwgen
