// ap_int<W> and ap_uint<W> for a plain C++ compiler: the subset that hwgen uses, with the
// result widths and the wrap-around of Xilinx's ap_int.h (Vitis HLS user guide UG1399,
// "Arbitrary Precision Integer Data Types").
//
// Up to 64 bits: construction and assignment wrap; +, -, * give a result that is wide enough
// (wider than 64 bits is a compile-time error); shifts keep the width; comparisons need operands of
// one signedness.  Above 64 bits: a bit vector with range() only.
#pragma once

#include <cstdint>
#include <type_traits>

namespace hwgen_shim {

constexpr int larger(int a, int b) { return a > b ? a : b; }

// Keep the low `width` bits of `bits`, extended by the sign if `is_signed`.
constexpr std::uint64_t wrap(std::uint64_t bits, int width, bool is_signed) {
  const std::uint64_t upper = bits << (64 - width);
  return is_signed ? std::uint64_t(std::int64_t(upper) >> (64 - width)) : upper >> (64 - width);
}

template <class Owner>
struct range_ref;

// An integer of `Width` bits, kept extended to 64 bits.
template <int Width, bool Signed>
class integer {
  static_assert(Width >= 1 && Width <= 64, "the shim computes with 1 to 64 bits");

 public:
  static constexpr int width = Width;

  constexpr integer() : bits_(0) {}
  template <class T, class = std::enable_if_t<std::is_integral<T>::value>>
  constexpr integer(T value) : bits_(wrap(std::uint64_t(value), Width, Signed)) {}
  template <int W, bool S>
  constexpr integer(const integer<W, S>& other) : bits_(wrap(other.bits(), Width, Signed)) {}
  template <class Owner>
  constexpr integer(const range_ref<Owner>& slice) : bits_(wrap(slice.bits(), Width, Signed)) {}

  constexpr std::uint64_t bits() const { return bits_; }
  constexpr bool negative() const { return Signed && (bits_ >> 63) != 0; }
  constexpr int to_int() const { return int(bits_); }
  constexpr std::int64_t to_int64() const { return std::int64_t(bits_); }
  constexpr std::uint64_t to_uint64() const { return bits_; }

  range_ref<integer> range(int high, int low) { return {*this, high, low}; }
  range_ref<const integer> range(int high, int low) const { return {*this, high, low}; }
  constexpr std::uint64_t slice(int high, int low) const {
    return wrap(bits_ >> low, high - low + 1, false);
  }
  void set_slice(int high, int low, std::uint64_t value) {
    const std::uint64_t mask = wrap(~std::uint64_t(0), high - low + 1, false) << low;
    bits_ = wrap((bits_ & ~mask) | ((value << low) & mask), Width, Signed);
  }

  template <class T>
  integer& operator+=(const T& other) {
    return *this = integer(*this + other);
  }
  template <class T>
  integer& operator-=(const T& other) {
    return *this = integer(*this - other);
  }
  constexpr integer operator<<(int shift) const {
    return shift >= Width ? integer() : integer(bits_ << shift);
  }
  constexpr integer operator>>(int shift) const {
    if (shift >= Width) return integer(negative() ? -1 : 0);
    return Signed ? integer(std::int64_t(bits_) >> shift) : integer(bits_ >> shift);
  }
  constexpr integer<Width + 1, true> operator-() const {
    return integer<Width + 1, true>(std::uint64_t(0) - bits_);
  }

 private:
  std::uint64_t bits_;
};

// A vector of more than 64 bits; slices of at most 64.
template <int Width>
class bit_vector {
 public:
  static constexpr int width = Width;

  constexpr bit_vector() = default;
  bit_vector(int value) {
    for (std::uint64_t& word : words_) word = value < 0 ? ~std::uint64_t(0) : 0;
    words_[0] = std::uint64_t(std::int64_t(value));
  }
  range_ref<bit_vector> range(int high, int low) { return {*this, high, low}; }
  range_ref<const bit_vector> range(int high, int low) const { return {*this, high, low}; }
  std::uint64_t slice(int high, int low) const {
    const int word = low / 64, offset = low % 64;
    std::uint64_t value = words_[word] >> offset;
    if (high / 64 != word) value |= words_[word + 1] << (64 - offset);
    return wrap(value, high - low + 1, false);
  }
  void set_slice(int high, int low, std::uint64_t value) {
    const int word = low / 64, offset = low % 64;
    const std::uint64_t mask = wrap(~std::uint64_t(0), high - low + 1, false);
    value &= mask;
    words_[word] = (words_[word] & ~(mask << offset)) | (value << offset);
    if (high / 64 != word) {
      words_[word + 1] = (words_[word + 1] & ~(mask >> (64 - offset))) | (value >> (64 - offset));
    }
  }

 private:
  std::uint64_t words_[(Width + 63) / 64] = {};
};

// What range() returns: readable, and assignable unless the owner is const.
template <class Owner>
struct range_ref {
  Owner& owner;
  int high, low;

  constexpr std::uint64_t bits() const { return owner.slice(high, low); }
  std::uint64_t to_uint64() const { return bits(); }
  template <int W, bool S>
  range_ref& operator=(const integer<W, S>& value) {
    owner.set_slice(high, low, value.bits());
    return *this;
  }
  range_ref& operator=(int value) {
    owner.set_slice(high, low, std::uint64_t(value));
    return *this;
  }
};

// A C integer as one of the types above.
template <class T>
using of_native = integer<std::is_same<T, bool>::value ? 1 : int(sizeof(T) * 8),
                          std::is_signed<T>::value>;
template <class T>
using if_native = std::enable_if_t<std::is_integral<T>::value>;

template <int A, bool SA, int B, bool SB>
constexpr integer<larger(A + (SB && !SA), B + (SA && !SB)) + 1, SA || SB> operator+(
    const integer<A, SA>& a, const integer<B, SB>& b) {
  return {a.bits() + b.bits()};
}
template <int A, bool SA, int B, bool SB>
constexpr integer<larger(A + (SB && !SA), B + (SA && !SB)) + 1, true> operator-(
    const integer<A, SA>& a, const integer<B, SB>& b) {
  return {a.bits() - b.bits()};
}
template <int A, bool SA, int B, bool SB>
constexpr integer<A + B, SA || SB> operator*(const integer<A, SA>& a, const integer<B, SB>& b) {
  return {a.bits() * b.bits()};
}

template <int A, bool SA, class T, class = if_native<T>>
constexpr auto operator+(const integer<A, SA>& a, T b) {
  return a + of_native<T>(b);
}
template <int A, bool SA, class T, class = if_native<T>>
constexpr auto operator-(const integer<A, SA>& a, T b) {
  return a - of_native<T>(b);
}
template <int A, bool SA, class T, class = if_native<T>>
constexpr auto operator*(const integer<A, SA>& a, T b) {
  return a * of_native<T>(b);
}

// Comparisons need operands of one signedness: the vendor's simulation compares an ap_uint<32>
// with a negative ap_int as C does, so what the mixed form means is best left open.
template <int A, int B, bool S>
constexpr bool operator<(const integer<A, S>& a, const integer<B, S>& b) {
  return a.negative() != b.negative() ? a.negative() : a.bits() < b.bits();
}
template <int A, int B, bool S>
constexpr bool operator==(const integer<A, S>& a, const integer<B, S>& b) {
  return a.bits() == b.bits();
}
template <int A, int B, bool S>
constexpr bool operator>(const integer<A, S>& a, const integer<B, S>& b) {
  return b < a;
}
template <int A, int B, bool S>
constexpr bool operator<=(const integer<A, S>& a, const integer<B, S>& b) {
  return !(b < a);
}
template <int A, int B, bool S>
constexpr bool operator>=(const integer<A, S>& a, const integer<B, S>& b) {
  return !(a < b);
}
template <int A, int B, bool S>
constexpr bool operator!=(const integer<A, S>& a, const integer<B, S>& b) {
  return !(a == b);
}

template <int Width, bool Signed>
using base = std::conditional_t<(Width <= 64), integer<(Width <= 64 ? Width : 64), Signed>,
                                bit_vector<Width>>;

}  // namespace hwgen_shim

template <int Width>
struct ap_int : hwgen_shim::integer<Width, true> {
  using parent = hwgen_shim::integer<Width, true>;
  using parent::parent;
  constexpr ap_int() = default;
  template <int W, bool S>
  constexpr ap_int(const hwgen_shim::integer<W, S>& other) : parent(other) {}
};

template <int Width>
struct ap_uint : hwgen_shim::base<Width, false> {
  using parent = hwgen_shim::base<Width, false>;
  using parent::parent;
  constexpr ap_uint() = default;
  template <int W, bool S>
  constexpr ap_uint(const hwgen_shim::integer<W, S>& other) : parent(other) {}
};
