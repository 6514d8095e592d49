// Philox4x32-10 (Salmon et al., SC 2011), block by block as scopert.ops.philox.
struct sc_block4 { unsigned at[4]; };
SC_FN sc_block4 sc_philox(unsigned long long low, unsigned long long high, unsigned long long key) {
  unsigned a = (unsigned)low, b = (unsigned)(low >> 32), c = (unsigned)high, d = (unsigned)(high >> 32);
  unsigned k = (unsigned)key, l = (unsigned)(key >> 32);
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    unsigned high_a = __umulhi(0xD2511F53u, a), low_a = 0xD2511F53u * a;
    unsigned high_c = __umulhi(0xCD9E8D57u, c), low_c = 0xCD9E8D57u * c;
    a = high_c ^ b ^ k;
    b = low_c;
    c = high_a ^ d ^ l;
    d = low_a;
    k += 0x9E3779B9u;
    l += 0xBB67AE85u;
  }
  sc_block4 made = {{a, b, c, d}};
  return made;
}
// A position in a stream.
struct sc_stream { unsigned long long key, low, high; };
SC_FN sc_block4 sc_philox_at(const sc_stream& from, unsigned long long skipped) {
  unsigned long long low = from.low + skipped;
  return sc_philox(low, from.high + (low < skipped ? 1ull : 0ull), from.key);
}
// As the host sends it: key, then the two halves of the counter.
SC_FN sc_stream sc_stream_at(const unsigned long long* position) {
  sc_stream made = {position[0], position[1], position[2]};
  return made;
}
// Of a stateless op: one block of a fixed key scrambles its two seeds.
template <class T> SC_FN sc_stream sc_stream_of(const T* seed) {
  sc_block4 mix = sc_philox((unsigned long long)(long long)seed[0], (unsigned long long)(long long)seed[1],
                            0x02461E293EC8F720ull);
  sc_stream made = {(unsigned long long)mix.at[1] << 32 | mix.at[0], 0ull,
                    (unsigned long long)mix.at[3] << 32 | mix.at[2]};
  return made;
}

// Uniform numbers of [0, 1): the mantissa of a number of [1, 2) is filled with random bits, and 1 subtracted.
SC_FN float sc_uniform(unsigned word) { return __uint_as_float((word & 0x7fffffu) | 0x3f800000u) - 1.0f; }
SC_FN float sc_uniform_f16(unsigned word) { return sc_from_f16((unsigned short)((word & 0x3ffu) | 0x3c00u)) - 1.0f; }
SC_FN float sc_uniform_bf16(unsigned word) { return sc_from_bf16((unsigned short)((word & 0x7fu) | 0x3f80u)) - 1.0f; }
SC_FN double sc_uniform_f64(unsigned high, unsigned low) {
  return __longlong_as_double((long long)(high & 0xfffffu) << 32 | (long long)low | 0x3ff0000000000000ll) - 1.0;
}

// Logarithm, sine and cosine of float by the steps of scopert.ops.float_math: the same last bit everywhere.
static __constant__ double sc_log_table[32] = {
    0x1.661ec79f8f3bep+0, -0x1.57bf7808caadep-2, 0x1.571ed4aaf883dp+0, -0x1.2bef0a7c06ddbp-2,
    0x1.49539f0f010bp+0, -0x1.01eae7f513a67p-2, 0x1.3c995b0b80385p+0, -0x1.b31d8a68224e9p-3,
    0x1.30d190c8864a5p+0, -0x1.6574f0ac07758p-3, 0x1.25e227b0b8eap+0, -0x1.1aa2bc79c81p-3,
    0x1.1bb4a4a1a343fp+0, -0x1.a4e76ce8c0e5ep-4, 0x1.12358f08ae5bap+0, -0x1.1973c5a611cccp-4,
    0x1.0953f419900a7p+0, -0x1.252f438e10c1ep-5, 0x1p+0, 0x0p+0,
    0x1.e608cfd9a47acp-1, 0x1.aa5aa5df25984p-5, 0x1.ca4b31f026aap-1, 0x1.c5e53aa362eb4p-4,
    0x1.b2036576afce6p-1, 0x1.526e57720db08p-3, 0x1.9c2d163a1aa2dp-1, 0x1.bc2860d22477p-3,
    0x1.886e6037841edp-1, 0x1.1058bc8a07ee1p-2, 0x1.767dcf5534862p-1, 0x1.4043057b6ee09p-2};
SC_FN float sc_random_log(float x) {
  int bits = (int)__float_as_uint(x), shifted = bits - 0x3F330000;
  int interval = shifted >> 19 & 15, exponent = shifted >> 23;
  double scaled = (double)__uint_as_float((unsigned)(bits - (int)((unsigned)exponent << 23)));
  double rest = sc_mul(scaled, sc_log_table[2 * interval]) - 1.0;
  double start = sc_log_table[2 * interval + 1] + sc_mul((double)exponent, 0x1.62e42fefa39efp-1);
  double square = sc_mul(rest, rest);
  double tail = sc_mul(-0x1.00ea348b88334p-2, square) + (sc_mul(0x1.5575b0be00b6ap-2, rest) + -0x1.ffffef20a4123p-2);
  return (float)(sc_mul(tail, square) + (start + rest));
}
SC_FN void sc_random_angle(float x, float* sine_of, float* cosine_of) {
  double wide = (double)x;
  int quadrant = ((int)sc_mul(wide, 0x1.45f306dc9c883p+23) + (1 << 23)) >> 24;
  double angle = wide - sc_mul((double)quadrant, 0x1.921fb54442d18p0);
  double square = sc_mul(angle, angle), cube = sc_mul(square, angle), fourth = sc_mul(square, square);
  double sine = (angle + sc_mul(cube, -0x1.555545995a603p-3)) +
                sc_mul(sc_mul(cube, square), 0x1.1107605230bc4p-7 + sc_mul(square, -0x1.994eb3774cf24p-13));
  double cosine = ((1.0 + sc_mul(square, -0x1.ffffffd0c621cp-2)) + sc_mul(fourth, 0x1.55553e1068f19p-5)) +
                  sc_mul(sc_mul(fourth, square), -0x1.6c087e89a359dp-10 + sc_mul(square, 0x1.99343027bf8c3p-16));
  double first = quadrant & 1 ? cosine : sine, second = quadrant & 1 ? sine : cosine;
  *sine_of = (float)(quadrant & 2 ? -first : first);
  *cosine_of = (float)((quadrant + 1) & 2 ? -second : second);
}
// Normal numbers of a block by the transform of Box and Muller: four, or two of double.
SC_FN void sc_normals(const sc_block4& block, float* made) {
#pragma unroll
  for (int pair = 0; pair < 2; ++pair) {
    float share = sc_max(sc_uniform(block.at[2 * pair]), 1.0e-7f), sine, cosine;
    float radius = sqrtf(sc_mul(-2.0f, sc_random_log(share)));
    sc_random_angle((float)sc_mul(6.283185307179586, (double)sc_uniform(block.at[2 * pair + 1])), &sine, &cosine);
    made[2 * pair] = sc_mul(sine, radius);
    made[2 * pair + 1] = sc_mul(cosine, radius);
  }
}
SC_FN void sc_normals(const sc_block4& block, double* made) {
  double share = sc_max(sc_uniform_f64(block.at[0], block.at[1]), 1.0e-7);
  double angle = sc_mul(6.283185307179586, sc_uniform_f64(block.at[2], block.at[3]));
  double radius = sqrt(sc_mul(-2.0, log(share)));
  made[0] = sc_mul(sin(angle), radius);
  made[1] = sc_mul(cos(angle), radius);
}

// Distributions: how many numbers of type T a block yields, and which.
template <class T> struct sc_uniform_of {
  typedef T type;
  static const int each = 4;
  static SC_FN void fill(const sc_block4& block, T* made) {
#pragma unroll
    for (int v = 0; v < 4; ++v) made[v] = sc_uniform(block.at[v]);
  }
};
template <> SC_FN void sc_uniform_of<sc_f16>::fill(const sc_block4& block, sc_f16* made) {
#pragma unroll
  for (int v = 0; v < 4; ++v) made[v] = sc_put<sc_f16>(sc_uniform_f16(block.at[v]));
}
template <> SC_FN void sc_uniform_of<sc_bf16>::fill(const sc_block4& block, sc_bf16* made) {
#pragma unroll
  for (int v = 0; v < 4; ++v) made[v] = sc_put<sc_bf16>(sc_uniform_bf16(block.at[v]));
}
template <> struct sc_uniform_of<double> {
  typedef double type;
  static const int each = 2;
  static SC_FN void fill(const sc_block4& block, double* made) {
    made[0] = sc_uniform_f64(block.at[0], block.at[1]);
    made[1] = sc_uniform_f64(block.at[2], block.at[3]);
  }
};
template <class T> struct sc_normal_of {
  typedef T type;
  static const int each = 4;
  static SC_FN void fill(const sc_block4& block, T* made) {
    float wide[4];
    sc_normals(block, wide);
#pragma unroll
    for (int v = 0; v < 4; ++v) made[v] = sc_put<T>(wide[v]);
  }
};
template <> struct sc_normal_of<double> {
  typedef double type;
  static const int each = 2;
  static SC_FN void fill(const sc_block4& block, double* made) { sc_normals(block, made); }
};
// W numbers of a stream from the `first` on, a multiple of W.
template <class D, int W> SC_FN sc_pack<typename D::type, W> sc_drawn(const sc_stream& from, unsigned long long first) {
  sc_pack<typename D::type, W> pack;
  typename D::type made[D::each];
  if (W >= D::each) {
#pragma unroll
    for (int b = 0; b < (W + D::each - 1) / D::each; ++b) {
      D::fill(sc_philox_at(from, first / D::each + b), made);
#pragma unroll
      for (int v = 0; v < D::each; ++v)
        if (b * D::each + v < W) pack.at[b * D::each + v] = made[v];
    }
  } else {
    D::fill(sc_philox_at(from, first / D::each), made);
    const int skipped = (int)(first % D::each);
#pragma unroll
    for (int v = 0; v < D::each; ++v)
#pragma unroll
      for (int w = 0; w < W; ++w)
        if (skipped + w == v) pack.at[w] = made[v];
  }
  return pack;
}
