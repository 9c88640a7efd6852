// max_pool2d: y[c] = the largest code of channel c in the window; scales keep the order.
#pragma once

#include "hwgen/vector.hpp"

namespace hwgen {

struct max_fold {
  template <class Acc>
  static void take(folded<Acc>& state, const Acc& x, int step) {
    if (step == 0 || x > state.value) state.value = x;
  }
  template <class Acc>
  static Acc result(const folded<Acc>& state) {
    return state.value;
  }
};

template <class C>
void max_pool2d(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
                hls::stream<beat<typename C::Out, C::L>>& out) {
  vector<C, max_fold>(in, out);
}

}  // namespace hwgen
