// gelu: y = table[x - low], where the table holds the code of x times the normal distribution's cumulative function, or its tanh form.
#pragma once

#include "hwgen/table.hpp"

namespace hwgen {

template <class C, int WORDS>
void gelu(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
          hls::stream<beat<typename C::Out, C::L>>& out,
          const rom<typename C::Out> (&table)[1][WORDS]) {
  look_up<C>(in, out, table);
}

}  // namespace hwgen
