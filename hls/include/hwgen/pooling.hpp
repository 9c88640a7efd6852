// The folds of the pooling ops: the largest code of a window, and the sum of its codes.
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

}  // namespace hwgen
