// silu: y = table[x - low], where the table holds the code of x / (1 + exp(-x)).
#pragma once

#include "hwgen/table.hpp"

namespace hwgen {

template <class C, int WORDS>
void silu(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
          hls::stream<beat<typename C::Out, C::L>>& out,
          const rom<typename C::Out> (&table)[1][WORDS]) {
  look_up<C>(in, out, table);
}

}  // namespace hwgen
