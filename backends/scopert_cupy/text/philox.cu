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
// A position in a stream, as it lies in the memory of a parameter: key, then the two halves of the counter.
SC_FN sc_block4 sc_philox_at(const unsigned long long* position, unsigned long long skipped) {
  unsigned long long low = position[1] + skipped;
  return sc_philox(low, position[2] + (low < skipped ? 1ull : 0ull), position[0]);
}
