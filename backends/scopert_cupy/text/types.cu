// How numbers lie in memory, and in what they are computed: half precision in float, bool in a byte.
#ifndef SC_KERNEL
#define SC_KERNEL extern "C" __global__
#endif
#ifndef SC_DYNAMIC_SHARED
#define SC_DYNAMIC_SHARED(T, name)                                     \
  extern __shared__ __align__(16) unsigned char sc_dynamic_[];   \
  T* name = reinterpret_cast<T*>(sc_dynamic_)
#endif
#define SC_FN __device__ __forceinline__

struct sc_bool { unsigned char bits; };
struct sc_f16 { unsigned short bits; };
struct sc_bf16 { unsigned short bits; };

template <class T> struct sc_computed { typedef T type; };
template <> struct sc_computed<sc_bool> { typedef bool type; };
template <> struct sc_computed<sc_f16> { typedef float type; };
template <> struct sc_computed<sc_bf16> { typedef float type; };
// What an element of type T is computed in.
template <class T> using sc_value = typename sc_computed<T>::type;

#ifdef __CUDACC__
// The compiler's own library has these: one instruction each.
extern "C" __device__ float __nv_half2float(unsigned short);
extern "C" __device__ unsigned short __nv_float2half_rn(float);
SC_FN float sc_from_f16(unsigned short bits) { return __nv_half2float(bits); }
SC_FN unsigned short sc_to_f16(float x) { return __nv_float2half_rn(x); }
#else
SC_FN float sc_from_f16(unsigned short bits) {
  unsigned sign = (unsigned)(bits & 0x8000) << 16, size = bits & 0x7fff;
  if (size >= 0x7c00) return __uint_as_float(sign | 0x7f800000u | (size & 0x3ff) << 13);
  float x = __uint_as_float(size << 13) * 5.192296858534828e33f;  // 2^112 moves the exponent, denormal or not
  return __uint_as_float(__float_as_uint(x) | sign);
}
SC_FN unsigned short sc_to_f16(float x) {
  unsigned bits = __float_as_uint(x), sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) return (unsigned short)(sign | 0x7fff);
  if (size >= 0x47800000u) return (unsigned short)(sign | 0x7c00);
  if (size < 0x38800000u)  // denormal: adding 1/2 puts the last bit where it belongs, and rounds
    return (unsigned short)(sign | (__float_as_uint(__uint_as_float(size) + 0.5f) - 0x3f000000u));
  return (unsigned short)(sign | ((size - 0x38000000u + 0xfffu + (size >> 13 & 1u)) >> 13));
}
#endif
SC_FN float sc_from_bf16(unsigned short bits) { return __uint_as_float((unsigned)bits << 16); }
SC_FN unsigned short sc_to_bf16(float x) {  // to the nearest, ties to even; a NaN keeps its sign and becomes quiet
  unsigned bits = __float_as_uint(x);
  unsigned rounded = bits + 0x7fffu + (bits >> 16 & 1u);
  return (unsigned short)((x != x ? bits | 0x400000u : rounded) >> 16);
}

// From memory, and into it.
template <class T> SC_FN T sc_get(T x) { return x; }
SC_FN bool sc_get(sc_bool x) { return x.bits != 0; }
SC_FN float sc_get(sc_f16 x) { return sc_from_f16(x.bits); }
SC_FN float sc_get(sc_bf16 x) { return sc_from_bf16(x.bits); }

template <class T> SC_FN T sc_put(sc_value<T> x) { return x; }
template <> SC_FN sc_bool sc_put<sc_bool>(bool x) { sc_bool y = {(unsigned char)(x ? 1 : 0)}; return y; }
template <> SC_FN sc_f16 sc_put<sc_f16>(float x) { sc_f16 y = {sc_to_f16(x)}; return y; }
template <> SC_FN sc_bf16 sc_put<sc_bf16>(float x) { sc_bf16 y = {sc_to_bf16(x)}; return y; }
// Rounded to an element of type T, as computed with.
template <class T> SC_FN sc_value<T> sc_round_to(sc_value<T> x) { return sc_get(sc_put<T>(x)); }

// Neighbours in memory: read and written by the widest accesses, 16 bytes at most each.
template <class T, int W> struct __align__(sizeof(T) * W < 16 ? sizeof(T) * W : 16) sc_pack { T at[W]; };
template <int W, class T> SC_FN sc_pack<T, W> sc_load(const T* p) {
  return *reinterpret_cast<const sc_pack<T, W>*>(p);
}
template <int W, class T> SC_FN void sc_store(T* p, const sc_pack<T, W>& x) {
  *reinterpret_cast<sc_pack<T, W>*>(p) = x;
}

// n / d for n < 2^31, where scopert_cupy.prelude.divider(d) gives multiplier and shift.
SC_FN unsigned sc_divide(unsigned n, unsigned multiplier, unsigned shift) {
  return (__umulhi(n, multiplier) + n) >> shift;
}

#define SC_INFINITY __uint_as_float(0x7f800000u)
#define SC_NAN __uint_as_float(0x7fc00000u)
#define SC_INFINITY_F64 __longlong_as_double(0x7ff0000000000000ll)
#define SC_NAN_F64 __longlong_as_double(0x7ff8000000000000ll)
