// The primitives of fused bodies. Integers wrap around; floating point follows NumPy, special values included.
template <class T> struct sc_unsigned { typedef T type; };
template <> struct sc_unsigned<signed char> { typedef unsigned type; };
template <> struct sc_unsigned<short> { typedef unsigned type; };
template <> struct sc_unsigned<unsigned char> { typedef unsigned type; };
template <> struct sc_unsigned<unsigned short> { typedef unsigned type; };
template <> struct sc_unsigned<int> { typedef unsigned type; };
template <> struct sc_unsigned<long long> { typedef unsigned long long type; };

// A product is rounded before anything is added to it: no multiply-adds, so arithmetic gives NumPy's bits.
#define SC_ARITHMETIC(name, op, single, twofold)                      \
  template <class T> SC_FN T sc_##name(T x, T y) {                    \
    typedef typename sc_unsigned<T>::type U;                          \
    return (T)((U)x op(U) y);                                         \
  }                                                                   \
  SC_FN float sc_##name(float x, float y) { return single; }          \
  SC_FN double sc_##name(double x, double y) { return twofold; }
SC_ARITHMETIC(add, +, x + y, x + y)
SC_ARITHMETIC(sub, -, x - y, x - y)
SC_ARITHMETIC(mul, *, __fmul_rn(x, y), __dmul_rn(x, y))
SC_FN bool sc_add(bool x, bool y) { return x || y; }
SC_FN bool sc_mul(bool x, bool y) { return x && y; }
SC_FN bool sc_sub(bool x, bool y) { return x != y; }

template <class T> SC_FN T sc_neg(T x) {
  typedef typename sc_unsigned<T>::type U;
  return (T)((U)0 - (U)x);
}
SC_FN float sc_neg(float x) { return -x; }
SC_FN double sc_neg(double x) { return -x; }
template <class T> SC_FN T sc_abs(T x) { return x < (T)0 ? sc_neg(x) : x; }
SC_FN float sc_abs(float x) { return fabsf(x); }
SC_FN double sc_abs(double x) { return fabs(x); }
template <class T> SC_FN T sc_square(T x) { return sc_mul(x, x); }
template <class T> SC_FN T sc_sign(T x) { return x > (T)0 ? (T)1 : x < (T)0 ? (T)-1 : x == (T)0 ? (T)0 : x; }

// Of equal operands (0 and -0) the second, as NumPy; not a number wins.
template <class T> SC_FN T sc_max(T x, T y) { return x > y || x != x ? x : y; }
template <class T> SC_FN T sc_min(T x, T y) { return x < y || x != x ? x : y; }

// Integers: towards minus infinity, 0 for a divisor of 0, as NumPy.
template <class T> SC_FN T sc_floordiv(T x, T y) {
  if (y == (T)0) return (T)0;
  if (y == (T)-1 && (T)-1 < (T)0) return sc_neg(x);
  T q = (T)(x / y), rest = (T)(x % y);
  return rest != (T)0 && (rest < (T)0) != (y < (T)0) ? (T)(q - 1) : q;
}
template <class T> SC_FN T sc_mod(T x, T y) {
  if (y == (T)0 || (y == (T)-1 && (T)-1 < (T)0)) return (T)0;
  T rest = (T)(x % y);
  return rest != (T)0 && (rest < (T)0) != (y < (T)0) ? (T)(rest + y) : rest;
}
template <class T> SC_FN T sc_div(T x, T y) {  // towards zero
  if (y == (T)0) return (T)0;
  return y == (T)-1 && (T)-1 < (T)0 ? sc_neg(x) : (T)(x / y);
}
template <class T> SC_FN T sc_fmod(T x, T y) {
  return y == (T)0 || (y == (T)-1 && (T)-1 < (T)0) ? (T)0 : (T)(x % y);
}
template <class T> SC_FN T sc_pow(T x, T y) {
  T made = 1;
  for (; y > (T)0; y = (T)(y >> 1)) {
    if (y & (T)1) made = sc_mul(made, x);
    x = sc_mul(x, x);
  }
  return made;
}

// Bits of integers; a shift goes no farther than to the last bit.
template <class T> SC_FN T sc_floormod(T x, T y) { return sc_mod(x, y); }
template <class T> SC_FN T sc_invert(T x) { return (T)~x; }
template <class T> SC_FN T sc_bitand(T x, T y) { return (T)(x & y); }
template <class T> SC_FN T sc_bitor(T x, T y) { return (T)(x | y); }
template <class T> SC_FN T sc_bitxor(T x, T y) { return (T)(x ^ y); }
template <class T> SC_FN int sc_distance(T y) {
  const int most = 8 * (int)sizeof(T) - 1;
  return y < (T)0 ? 0 : y > (T)most ? most : (int)y;
}
template <class T> SC_FN T sc_lshift(T x, T y) { return (T)((typename sc_unsigned<T>::type)x << sc_distance(y)); }
template <class T> SC_FN T sc_rshift(T x, T y) { return (T)(x >> sc_distance(y)); }
template <class T> SC_FN unsigned char sc_popcount(T x) {
  unsigned long long bits = (unsigned long long)x;
  if (sizeof(T) < 8) bits &= (1ull << 8 * (sizeof(T) % 8)) - 1;
  bits -= bits >> 1 & 0x5555555555555555ull;
  bits = (bits & 0x3333333333333333ull) + (bits >> 2 & 0x3333333333333333ull);
  bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0full;
  return (unsigned char)(bits * 0x0101010101010101ull >> 56);
}

#define SC_FLOATING(T, S)                                                                              \
  SC_FN T sc_div(T x, T y) { return x / y; }                                                           \
  SC_FN T sc_fmod(T x, T y) { return fmod##S(x, y); }                                                  \
  SC_FN T sc_mod(T x, T y) {                                                                           \
    T rest = fmod##S(x, y);                                                                            \
    if (y == (T)0) return rest;                                                                        \
    if (rest == (T)0) return copysign##S((T)0, y);                                                     \
    return (rest < (T)0) != (y < (T)0) ? rest + y : rest;                                              \
  }                                                                                                    \
  SC_FN T sc_floordiv(T x, T y) {                                                                      \
    T rest = fmod##S(x, y);                                                                            \
    if (y == (T)0) return x / y;                                                                       \
    T q = (x - rest) / y;                                                                              \
    if (rest != (T)0 && (rest < (T)0) != (y < (T)0)) q -= (T)1;                                        \
    if (q == (T)0) return copysign##S((T)0, x / y);                                                    \
    T whole = floor##S(q);                                                                             \
    return q - whole > (T)0.5 ? whole + (T)1 : whole;                                                  \
  }                                                                                                    \
  SC_FN T sc_pow(T x, T y) { return pow##S(x, y); }                                                    \
  SC_FN T sc_atan2(T y, T x) { return atan2##S(y, x); }                                                \
  SC_FN T sc_sqrt(T x) { return sqrt##S(x); }                                                          \
  SC_FN T sc_rsqrt(T x) { return (T)1 / sqrt##S(x); }                                                  \
  SC_FN T sc_reciprocal(T x) { return (T)1 / x; }                                                      \
  SC_FN T sc_exp(T x) { return exp##S(x); }                                                            \
  SC_FN T sc_expm1(T x) { return expm1##S(x); }                                                        \
  SC_FN T sc_log(T x) { return log##S(x); }                                                            \
  SC_FN T sc_log1p(T x) { return log1p##S(x); }                                                        \
  SC_FN T sc_sin(T x) { return sin##S(x); }                                                            \
  SC_FN T sc_cos(T x) { return cos##S(x); }                                                            \
  SC_FN T sc_tan(T x) { return tan##S(x); }                                                            \
  SC_FN T sc_asin(T x) { return asin##S(x); }                                                          \
  SC_FN T sc_acos(T x) { return acos##S(x); }                                                          \
  SC_FN T sc_atan(T x) { return atan##S(x); }                                                          \
  SC_FN T sc_sinh(T x) { return sinh##S(x); }                                                          \
  SC_FN T sc_cosh(T x) { return cosh##S(x); }                                                          \
  SC_FN T sc_asinh(T x) { return asinh##S(x); }                                                        \
  SC_FN T sc_acosh(T x) { return acosh##S(x); }                                                        \
  SC_FN T sc_atanh(T x) { return atanh##S(x); }                                                        \
  SC_FN T sc_tanh(T x) { return tanh##S(x); }                                                          \
  SC_FN T sc_erf(T x) { return erf##S(x); }                                                            \
  SC_FN T sc_erfc(T x) { return erfc##S(x); }                                                          \
  SC_FN T sc_lgamma(T x) { return (T)lgamma((double)x); }                                              \
  SC_FN T sc_nextafter(T x, T y) { return nextafter##S(x, y); }                                        \
  SC_FN T sc_floormod(T x, T y) {                                                                      \
    T rest = fmod##S(x, y);                                                                            \
    return rest != (T)0 && (rest < (T)0) != (y < (T)0) ? rest + y : rest;                              \
  }                                                                                                    \
  SC_FN T sc_floor(T x) { return floor##S(x); }                                                        \
  SC_FN T sc_ceil(T x) { return ceil##S(x); }                                                          \
  SC_FN T sc_round(T x) { return rint##S(x); }                                                         \
  SC_FN T sc_sigmoid(T x) {                                                                            \
    T e = exp##S(-fabs##S(x));                                                                         \
    return (x >= (T)0 ? (T)1 : x < (T)0 ? e : x) / ((T)1 + e);                                         \
  }                                                                                                    \
  SC_FN T sc_softplus(T x) { return sc_max(x, (T)0) + log1p##S(exp##S(-fabs##S(x))); }                 \
  SC_FN bool sc_isnan(T x) { return x != x; }                                                          \
  SC_FN bool sc_isinf(T x) { return fabs##S(x) == (T)SC_INFINITY; }                                    \
  SC_FN bool sc_isfinite(T x) { return fabs##S(x) < (T)SC_INFINITY; }
SC_FLOATING(float, f)
SC_FLOATING(double, )

// Where the result is rounded to 16 bits: as exact as that needs. Of float16, tanh needs more.
SC_FN float sc_fast_exp(float x) { return __expf(x); }
SC_FN float sc_fast_sigmoid(float x) { return __fdividef(1.0f, 1.0f + __expf(-x)); }
SC_FN float sc_fast_tanh(float x) {
#if defined(__CUDACC__) && __CUDACC_VER_MAJOR__ >= 13
  return __tanhf(x);
#else
  return tanhf(x);
#endif
}
// x / y with `inverse` = 1 / y at hand: the very bits of the division (Markstein, 1990) for three multiply-adds.
SC_FN float sc_quotient(float x, float y, float inverse) {
  if (!(fabsf(y) > 1e-30f && fabsf(y) < 1e30f)) return x / y;  // the same way for a whole row
  const float near = __fmul_rn(x, inverse);
  const float made = fmaf(fmaf(-near, y, x), inverse, near);
  if (x == 0.0f) return near;
  return fabsf(x) > 1e-28f && fabsf(made) > 1e-30f && fabsf(made) < 1e30f ? made : x / y;
}

// Rounding of integers, which are whole already.
template <class T> SC_FN T sc_floor(T x) { return x; }
template <class T> SC_FN T sc_ceil(T x) { return x; }
template <class T> SC_FN T sc_round(T x) { return x; }
template <class T> SC_FN bool sc_isnan(T) { return false; }
template <class T> SC_FN bool sc_isinf(T) { return false; }
template <class T> SC_FN bool sc_isfinite(T) { return true; }

template <class T> SC_FN T sc_select(bool condition, T yes, T no) { return condition ? yes : no; }

// Conversions; numbers that an integer type has no place for become its smallest, as on x86.
template <class To, class From> struct sc_conversion {
  static SC_FN To from(From x) { return (To)x; }
};
template <class From> struct sc_conversion<bool, From> {
  static SC_FN bool from(From x) { return x != (From)0; }
};
template <class From> SC_FN long long sc_to_int64(From x) {
  return sc_abs(x) < (From)9223372036854775808.0 ? (long long)x : (long long)(-9223372036854775807ll - 1);
}
template <class From> SC_FN int sc_to_int32(From x) {
  return x > (From)-2147483904.0 && x < (From)2147483648.0 && !(x <= (From)-2147483649.0) ? (int)x : -2147483647 - 1;
}
#define SC_FROM_FLOATING(From)                                                                          \
  template <> struct sc_conversion<long long, From> {                                                      \
    static SC_FN long long from(From x) { return sc_to_int64(x); }                                      \
  };                                                                                                    \
  template <> struct sc_conversion<int, From> {                                                            \
    static SC_FN int from(From x) { return sc_to_int32(x); }                                            \
  };                                                                                                    \
  template <> struct sc_conversion<short, From> {                                                          \
    static SC_FN short from(From x) { return (short)sc_to_int32(x); }                                   \
  };                                                                                                    \
  template <> struct sc_conversion<signed char, From> {                                                    \
    static SC_FN signed char from(From x) { return (signed char)sc_to_int32(x); }                       \
  };                                                                                                    \
  template <> struct sc_conversion<unsigned char, From> {                                                  \
    static SC_FN unsigned char from(From x) { return (unsigned char)sc_to_int32(x); }                   \
  };                                                                                                    \
  template <> struct sc_conversion<unsigned short, From> {                                                 \
    static SC_FN unsigned short from(From x) { return (unsigned short)sc_to_int32(x); }                 \
  };                                                                                                    \
  template <> struct sc_conversion<unsigned, From> {                                                       \
    static SC_FN unsigned from(From x) { return (unsigned)sc_to_int64(x); }                             \
  };                                                                                                    \
  template <> struct sc_conversion<unsigned long long, From> {                                             \
    static SC_FN unsigned long long from(From x) {                                                      \
      return x >= (From)9223372036854775808.0                                                           \
                 ? (unsigned long long)sc_to_int64(x - (From)9223372036854775808.0) ^ (1ull << 63)      \
                 : (unsigned long long)sc_to_int64(x);                                                  \
    }                                                                                                   \
  };
SC_FROM_FLOATING(float)
SC_FROM_FLOATING(double)
template <class To, class From> SC_FN To sc_cast(From x) { return sc_conversion<To, From>::from(x); }
