// Reductions, always in the same order: lanes by butterflies, then warps one after another.
template <class T> struct sc_limits;
#define SC_LIMITS(T, low, high)                                     \
  template <> struct sc_limits<T> {                                 \
    static SC_FN T lowest() { return (T)(low); }                    \
    static SC_FN T largest() { return (T)(high); }                  \
  };
SC_LIMITS(float, -SC_INFINITY, SC_INFINITY)
SC_LIMITS(double, -SC_INFINITY_F64, SC_INFINITY_F64)
SC_LIMITS(bool, false, true)
SC_LIMITS(signed char, -128, 127)
SC_LIMITS(short, -32768, 32767)
SC_LIMITS(int, -2147483647 - 1, 2147483647)
SC_LIMITS(long long, -9223372036854775807ll - 1, 9223372036854775807ll)
SC_LIMITS(unsigned char, 0, 255)
SC_LIMITS(unsigned short, 0, 65535)
SC_LIMITS(unsigned, 0, 4294967295u)
SC_LIMITS(unsigned long long, 0, 18446744073709551615ull)

struct sc_sum {
  template <class T> static SC_FN T identity() { return (T)0; }
  template <class T> static SC_FN T of(T x, T y) { return sc_add(x, y); }
};
struct sc_prod {
  template <class T> static SC_FN T identity() { return (T)1; }
  template <class T> static SC_FN T of(T x, T y) { return sc_mul(x, y); }
};
struct sc_max_over {
  template <class T> static SC_FN T identity() { return sc_limits<T>::lowest(); }
  template <class T> static SC_FN T of(T x, T y) { return sc_max(x, y); }
};
struct sc_min_over {
  template <class T> static SC_FN T identity() { return sc_limits<T>::largest(); }
  template <class T> static SC_FN T of(T x, T y) { return sc_min(x, y); }
};

// What a lane whose number differs in the bits of `mask` holds.
template <class T> struct sc_carried { typedef int type; };
template <> struct sc_carried<float> { typedef float type; };
template <> struct sc_carried<double> { typedef double type; };
template <> struct sc_carried<unsigned> { typedef unsigned type; };
template <> struct sc_carried<long long> { typedef long long type; };
template <> struct sc_carried<unsigned long long> { typedef unsigned long long type; };
template <class T> SC_FN T sc_other(T x, int mask) {
  typedef typename sc_carried<T>::type C;
  return (T)__shfl_xor_sync(0xffffffffu, (C)x, mask);
}

// Over G neighbouring lanes, G a power of two; all of them get the result. All 32 lanes of the warp must come here.
template <class Op, int G, class T> SC_FN T sc_over_lanes(T x) {
#pragma unroll
  for (int mask = G / 2; mask; mask /= 2) x = Op::of(x, sc_other(x, mask));
  return x;
}
// Over the block, a multiple of 32 threads in one row; all get the result. `room`: 32 values of shared memory.
template <class Op, class T> SC_FN T sc_over_block(T x, T* room) {
  int warps = (int)blockDim.x / 32, warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32;
  x = sc_over_lanes<Op, 32>(x);
  __syncthreads();  // an earlier reduction may still be read
  if (lane == 0) room[warp] = x;
  __syncthreads();
  x = lane < warps ? room[lane] : Op::template identity<T>();
  return sc_over_lanes<Op, 32>(x);
}
