// interleave: row h of the first image, row h of the second, ...; each image is requantised to
// the common output type.
#pragma once

#include "hwgen/concat.hpp"

namespace hwgen {

template <class C, class... Beats>
void interleave(hls::stream<beat<typename C::Out, C::L>>& out, hls::stream<Beats>&... in) {
  static_assert(C::elements(0) * int(sizeof...(Beats)) == C::shape().channel.count,
                "images of one size");
  concat<C>(out, in...);
}

}  // namespace hwgen
