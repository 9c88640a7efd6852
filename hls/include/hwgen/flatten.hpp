// flatten: the elements channel by channel, while streams have the channel fastest.
#pragma once

#include "hwgen/vector.hpp"

namespace hwgen {

// The loops of C do the reordering; an image has to be there as a whole before it can start.
template <class C>
void flatten(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
             hls::stream<beat<typename C::Out, C::L>>& out) {
  vector<C, copy_fold>(in, out);
}

}  // namespace hwgen
