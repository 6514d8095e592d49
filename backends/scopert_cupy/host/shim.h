// CUDA C++ on the CPU: what NVRTC defines without headers, so that a kernel's very source compiles with g++.
//
// One block runs at a time. Where threads meet (barriers, shuffles, shared memory) each CUDA thread is a fiber
// with a stack of its own, and a scheduler resumes the fibers in an order drawn from a seed; elsewhere threads
// are turns of a loop. Shared memory is filled with 0xFF before each block. Nothing is included: a module of a
// few functions compiles in some hundredths of a second.
//
// Not defined on purpose, because NVRTC does not have it either: uint32_t and its kin, INFINITY, half types.
#pragma once

typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;

#define SC_HOST 1
#define SC_KERNEL
#define __global__
#define __device__
#define __host__
#define __constant__ const
#define __managed__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)
#define __shared__ static __attribute__((section("sc_shared")))
#define SC_DYNAMIC_SHARED(T, name) T* name = reinterpret_cast<T*>(sc::dynamic_shared)

extern "C" {
void* malloc(size_t) noexcept;
void* memcpy(void*, const void*, size_t) noexcept;
void* memset(void*, int, size_t) noexcept;
double acos(double) noexcept; double acosh(double) noexcept; double asin(double) noexcept;
double asinh(double) noexcept; double atan(double) noexcept; double atan2(double, double) noexcept;
double atanh(double) noexcept; double cbrt(double) noexcept; double ceil(double) noexcept;
double copysign(double, double) noexcept; double cos(double) noexcept; double cosh(double) noexcept;
double erf(double) noexcept; double erfc(double) noexcept; double exp(double) noexcept;
double exp2(double) noexcept; double exp10(double) noexcept; double expm1(double) noexcept;
double fabs(double) noexcept; double fdim(double, double) noexcept; double floor(double) noexcept;
double fma(double, double, double) noexcept; double fmax(double, double) noexcept;
double fmin(double, double) noexcept; double fmod(double, double) noexcept; double frexp(double, int*) noexcept;
double hypot(double, double) noexcept; double ldexp(double, int) noexcept; double lgamma(double) noexcept;
double log(double) noexcept; double log10(double) noexcept; double log1p(double) noexcept;
double log2(double) noexcept; double logb(double) noexcept; double modf(double, double*) noexcept;
double nearbyint(double) noexcept; double nextafter(double, double) noexcept; double pow(double, double) noexcept;
double remainder(double, double) noexcept; double rint(double) noexcept; double round(double) noexcept;
double scalbn(double, int) noexcept; double sin(double) noexcept; double sinh(double) noexcept;
double sqrt(double) noexcept; double tan(double) noexcept; double tanh(double) noexcept;
double tgamma(double) noexcept; double trunc(double) noexcept;
float acosf(float) noexcept; float acoshf(float) noexcept; float asinf(float) noexcept;
float asinhf(float) noexcept; float atanf(float) noexcept; float atan2f(float, float) noexcept;
float atanhf(float) noexcept; float cbrtf(float) noexcept; float ceilf(float) noexcept;
float copysignf(float, float) noexcept; float cosf(float) noexcept; float coshf(float) noexcept;
float erff(float) noexcept; float erfcf(float) noexcept; float expf(float) noexcept;
float exp2f(float) noexcept; float exp10f(float) noexcept; float expm1f(float) noexcept;
float fabsf(float) noexcept; float fdimf(float, float) noexcept; float floorf(float) noexcept;
float fmaf(float, float, float) noexcept; float fmaxf(float, float) noexcept;
float fminf(float, float) noexcept; float fmodf(float, float) noexcept; float frexpf(float, int*) noexcept;
float hypotf(float, float) noexcept; float ldexpf(float, int) noexcept; float lgammaf(float) noexcept;
float logf(float) noexcept; float log10f(float) noexcept; float log1pf(float) noexcept;
float log2f(float) noexcept; float logbf(float) noexcept; float modff(float, float*) noexcept;
float nearbyintf(float) noexcept; float nextafterf(float, float) noexcept; float powf(float, float) noexcept;
float remainderf(float, float) noexcept; float rintf(float) noexcept; float roundf(float) noexcept;
float scalbnf(float, int) noexcept; float sinf(float) noexcept; float sinhf(float) noexcept;
float sqrtf(float) noexcept; float tanf(float) noexcept; float tanhf(float) noexcept;
float tgammaf(float) noexcept; float truncf(float) noexcept;
int abs(int) noexcept;
}

// The vector types, with CUDA's alignments.
#define SC_VECTORS(T, name, a2, a4)                                                                \
  struct name##1 { T x; };                                                                         \
  struct __align__(a2) name##2 { T x, y; };                                                        \
  struct name##3 { T x, y, z; };                                                                   \
  struct __align__(a4) name##4 { T x, y, z, w; };                                                  \
  static inline name##1 make_##name##1(T x) { return {x}; }                                        \
  static inline name##2 make_##name##2(T x, T y) { return {x, y}; }                                \
  static inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }                        \
  static inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
SC_VECTORS(signed char, char, 2, 4)
SC_VECTORS(unsigned char, uchar, 2, 4)
SC_VECTORS(short, short, 4, 8)
SC_VECTORS(unsigned short, ushort, 4, 8)
SC_VECTORS(int, int, 8, 16)
SC_VECTORS(unsigned, uint, 8, 16)
SC_VECTORS(float, float, 8, 16)
SC_VECTORS(long long, longlong, 16, 16)
SC_VECTORS(unsigned long long, ulonglong, 16, 16)
SC_VECTORS(double, double, 16, 16)
#undef SC_VECTORS

struct dim3 { unsigned x, y, z; };
static uint3 threadIdx, blockIdx;
static dim3 blockDim, gridDim;
static const int warpSize = 32;

// min, max and abs for every pair of types that CUDA has them for.
#define SC_MINMAX(T)                                                       \
  static inline T min(T a, T b) { return b < a ? b : a; }                  \
  static inline T max(T a, T b) { return a < b ? b : a; }
SC_MINMAX(int) SC_MINMAX(unsigned) SC_MINMAX(long) SC_MINMAX(unsigned long)
SC_MINMAX(long long) SC_MINMAX(unsigned long long)
#undef SC_MINMAX
static inline float min(float a, float b) { return fminf(a, b); }
static inline float max(float a, float b) { return fmaxf(a, b); }
static inline double min(double a, double b) { return fmin(a, b); }
static inline double max(double a, double b) { return fmax(a, b); }
static inline float abs(float x) { return __builtin_fabsf(x); }
static inline double abs(double x) { return __builtin_fabs(x); }
static inline long abs(long x) { return x < 0 ? -x : x; }
static inline long long abs(long long x) { return x < 0 ? -x : x; }
static inline long long llabs(long long x) { return x < 0 ? -x : x; }

// CUDA overloads the names without suffix for float.
#define SC_OVERLOAD(name) static inline float name(float x) { return name##f(x); }
SC_OVERLOAD(acos) SC_OVERLOAD(acosh) SC_OVERLOAD(asin) SC_OVERLOAD(asinh) SC_OVERLOAD(atan) SC_OVERLOAD(atanh)
SC_OVERLOAD(cbrt) SC_OVERLOAD(ceil) SC_OVERLOAD(cos) SC_OVERLOAD(cosh) SC_OVERLOAD(erf) SC_OVERLOAD(erfc)
SC_OVERLOAD(exp) SC_OVERLOAD(exp2) SC_OVERLOAD(exp10) SC_OVERLOAD(expm1) SC_OVERLOAD(fabs) SC_OVERLOAD(floor)
SC_OVERLOAD(lgamma) SC_OVERLOAD(log) SC_OVERLOAD(log10) SC_OVERLOAD(log1p) SC_OVERLOAD(log2)
SC_OVERLOAD(nearbyint) SC_OVERLOAD(rint) SC_OVERLOAD(round) SC_OVERLOAD(sin) SC_OVERLOAD(sinh) SC_OVERLOAD(sqrt)
SC_OVERLOAD(tan) SC_OVERLOAD(tanh) SC_OVERLOAD(tgamma) SC_OVERLOAD(trunc)
#undef SC_OVERLOAD
static inline float pow(float x, float y) { return powf(x, y); }
static inline float fmod(float x, float y) { return fmodf(x, y); }
static inline float atan2(float y, float x) { return atan2f(y, x); }
static inline float fma(float a, float b, float c) { return fmaf(a, b, c); }
static inline float copysign(float a, float b) { return copysignf(a, b); }
template <class T> static inline bool isnan(T x) { return __builtin_isnan(x); }
template <class T> static inline bool isinf(T x) { return __builtin_isinf(x); }
template <class T> static inline bool isfinite(T x) { return __builtin_isfinite(x); }
template <class T> static inline bool signbit(T x) { return __builtin_signbit(x); }

static inline float rsqrtf(float x) { return (float)(1.0 / __builtin_sqrt((double)x)); }
static inline double rsqrt(double x) { return 1.0 / __builtin_sqrt(x); }
static inline float rsqrt(float x) { return rsqrtf(x); }
static inline float sinpif(float x) { return (float)sin(3.14159265358979323846 * fmod((double)x, 2.0)); }
static inline float cospif(float x) { return (float)cos(3.14159265358979323846 * fmod((double)x, 2.0)); }
static inline void sincosf(float x, float* s, float* c) { *s = sinf(x); *c = cosf(x); }
static inline void sincos(double x, double* s, double* c) { *s = sin(x); *c = cos(x); }
static inline float __expf(float x) { return expf(x); }
static inline float __exp10f(float x) { return exp10f(x); }
static inline float __logf(float x) { return logf(x); }
static inline float __log2f(float x) { return log2f(x); }
static inline float __sinf(float x) { return sinf(x); }
static inline float __cosf(float x) { return cosf(x); }
static inline float __powf(float x, float y) { return powf(x, y); }
static inline float __fdividef(float a, float b) { return a / b; }
static inline float __saturatef(float x) { return x > 0.f ? (x < 1.f ? x : 1.f) : 0.f; }
// Arithmetic that is never contracted.
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fsub_rn(float a, float b) { return a - b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline float __frcp_rn(float a) { return 1.0f / a; }
static inline float __fsqrt_rn(float a) { return __builtin_sqrtf(a); }
static inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
static inline double __dadd_rn(double a, double b) { return a + b; }
static inline double __dsub_rn(double a, double b) { return a - b; }
static inline double __dmul_rn(double a, double b) { return a * b; }
static inline double __ddiv_rn(double a, double b) { return a / b; }
static inline double __dsqrt_rn(double a) { return __builtin_sqrt(a); }
static inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }

// Bits.
template <class To, class From> static inline To sc_bits(From from) {
  static_assert(sizeof(To) == sizeof(From), "");
  To to;
  __builtin_memcpy(&to, &from, sizeof to);
  return to;
}
static inline unsigned __float_as_uint(float x) { return sc_bits<unsigned>(x); }
static inline int __float_as_int(float x) { return sc_bits<int>(x); }
static inline float __uint_as_float(unsigned x) { return sc_bits<float>(x); }
static inline float __int_as_float(int x) { return sc_bits<float>(x); }
static inline long long __double_as_longlong(double x) { return sc_bits<long long>(x); }
static inline double __longlong_as_double(long long x) { return sc_bits<double>(x); }
static inline int __double2hiint(double x) { return (int)(sc_bits<unsigned long long>(x) >> 32); }
static inline int __double2loint(double x) { return (int)sc_bits<unsigned long long>(x); }
static inline double __hiloint2double(int hi, int lo) {
  return sc_bits<double>((unsigned long long)(unsigned)hi << 32 | (unsigned)lo);
}
static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((unsigned long long)a * b >> 32); }
static inline int __mulhi(int a, int b) { return (int)((long long)a * b >> 32); }
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return (unsigned long long)((unsigned __int128)a * b >> 64);
}
static inline long long __mul64hi(long long a, long long b) { return (long long)((__int128)a * b >> 64); }
static inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
static inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline int __ffsll(long long x) { return __builtin_ffsll(x); }
static inline unsigned __brev(unsigned x) {
  unsigned r = 0;
  for (int i = 0; i < 32; ++i) r |= (x >> i & 1u) << (31 - i);
  return r;
}
static inline unsigned __byte_perm(unsigned a, unsigned b, unsigned s) {
  unsigned long long both = (unsigned long long)b << 32 | a;
  unsigned r = 0;
  for (int i = 0; i < 4; ++i) r |= (unsigned)(both >> (8 * (s >> (4 * i) & 7u)) & 0xffu) << (8 * i);
  return r;
}
static inline unsigned __funnelshift_l(unsigned lo, unsigned hi, unsigned n) {
  return (unsigned)(((unsigned long long)hi << 32 | lo) << (n & 31u) >> 32);
}
static inline unsigned __funnelshift_r(unsigned lo, unsigned hi, unsigned n) {
  return (unsigned)(((unsigned long long)hi << 32 | lo) >> (n & 31u));
}

// Conversions that saturate and send NaN to 0, as the hardware's do.
template <class To> static inline To sc_convert(double x, To lowest, To highest) {
  return x != x ? (To)0 : x <= (double)lowest ? lowest : x >= (double)highest ? highest : (To)x;
}
#define SC_CONVERT(suffix, To, lowest, highest)                                                                     \
  static inline To __float2##suffix##_rz(float x) { return sc_convert<To>(truncf(x), lowest, highest); }            \
  static inline To __float2##suffix##_rn(float x) { return sc_convert<To>(nearbyintf(x), lowest, highest); }        \
  static inline To __float2##suffix##_rd(float x) { return sc_convert<To>(floorf(x), lowest, highest); }            \
  static inline To __float2##suffix##_ru(float x) { return sc_convert<To>(ceilf(x), lowest, highest); }             \
  static inline To __double2##suffix##_rz(double x) { return sc_convert<To>(trunc(x), lowest, highest); }           \
  static inline To __double2##suffix##_rn(double x) { return sc_convert<To>(nearbyint(x), lowest, highest); }       \
  static inline To __double2##suffix##_rd(double x) { return sc_convert<To>(floor(x), lowest, highest); }           \
  static inline To __double2##suffix##_ru(double x) { return sc_convert<To>(ceil(x), lowest, highest); }
SC_CONVERT(int, int, -2147483647 - 1, 2147483647)
SC_CONVERT(uint, unsigned, 0u, 4294967295u)
SC_CONVERT(ll, long long, -9223372036854775807LL - 1, 9223372036854775807LL)
SC_CONVERT(ull, unsigned long long, 0ull, 18446744073709551615ull)
#undef SC_CONVERT
static inline float __int2float_rn(int x) { return (float)x; }
static inline float __uint2float_rn(unsigned x) { return (float)x; }
static inline float __ll2float_rn(long long x) { return (float)x; }
static inline float __ull2float_rn(unsigned long long x) { return (float)x; }
static inline double __int2double_rn(int x) { return (double)x; }
static inline double __ll2double_rn(long long x) { return (double)x; }
static inline float __double2float_rn(double x) { return (float)x; }

// Loads and stores with a hint for the caches.
#define SC_LOAD(name) template <class T> static inline T name(const T* p) { return *p; }
SC_LOAD(__ldg) SC_LOAD(__ldcs) SC_LOAD(__ldcg) SC_LOAD(__ldca) SC_LOAD(__ldlu) SC_LOAD(__ldcv)
#undef SC_LOAD
#define SC_STORE(name) template <class T> static inline void name(T* p, T v) { *p = v; }
SC_STORE(__stcs) SC_STORE(__stcg) SC_STORE(__stwb) SC_STORE(__stwt)
#undef SC_STORE

#include "fibers.h"

// Atomics: threads run one at a time, so they need no more than their order.
template <class T> struct sc_same { typedef T type; };
template <class T> using sc_of = typename sc_same<T>::type;
#define SC_ATOMIC(name, value)                                                           \
  template <class T> SC_UNCHECKED static T name(T* p, sc_of<T> v) {                      \
    sc::atomic(p, sizeof(T));                                                            \
    T old = *p;                                                                          \
    *p = value;                                                                          \
    return old;                                                                          \
  }                                                                                      \
  template <class T> SC_UNCHECKED static T name##_block(T* p, sc_of<T> v) { return name(p, v); }
SC_ATOMIC(atomicAdd, old + v)
SC_ATOMIC(atomicSub, old - v)
SC_ATOMIC(atomicExch, v)
SC_ATOMIC(atomicMin, v < old ? v : old)
SC_ATOMIC(atomicMax, old < v ? v : old)
SC_ATOMIC(atomicAnd, old & v)
SC_ATOMIC(atomicOr, old | v)
SC_ATOMIC(atomicXor, old ^ v)
SC_ATOMIC(atomicInc, old >= v ? 0 : old + 1)
#undef SC_ATOMIC
template <class T> SC_UNCHECKED static T atomicCAS(T* p, sc_of<T> compare, sc_of<T> v) {
  sc::atomic(p, sizeof(T));
  T old = *p;
  if (old == compare) *p = v;
  return old;
}
