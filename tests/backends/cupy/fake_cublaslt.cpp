// cuBLASLt's interface over host memory, for tests: as strict as the library about sizes of attributes, leading
// dimensions, alignment and workspace. It knows column-major matrices only, as the library by default.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <cmath>
#include <map>
#include <string>
#include <vector>

enum { OK = 0, INVALID = 7, NOT_SUPPORTED = 15 };
enum { R32F = 0, R64F = 1, R16F = 2, R16BF = 14 };

struct Attributes { std::map<int, std::vector<unsigned char>> held; };
struct Desc : Attributes { int compute, scale; };
struct Layout : Attributes { int dtype; uint64_t rows, cols; int64_t ld; };
struct Preference : Attributes {};
struct Algo { uint64_t data[8]; };
struct Result { Algo algo; size_t workspace; int state; float waves; int reserved[4]; };

// Knobs and counts for tests.
static int refused_epilogue = 0, refuse_all = 0, alive = 0, fails_when_run = -1, refusal = NOT_SUPPORTED;
static int counts[3];  // heuristics, checks, products
static long long last[4];  // algorithm, workspace, stream, compute type
extern "C" {
void fake_refuse(int epilogue, int all, int status) { refused_epilogue = epilogue; refuse_all = all; refusal = status; }
void fake_fail_when_run(int algorithm) { fails_when_run = algorithm; }
int fake_count(int which) { return counts[which]; }
long long fake_last(int which) { return last[which]; }
int fake_alive() { return alive; }

size_t cublasLtGetVersion() { return 130999; }
const char* cublasLtGetStatusName(int s) { return s == INVALID ? "CUBLAS_STATUS_INVALID_VALUE" : s == NOT_SUPPORTED ? "CUBLAS_STATUS_NOT_SUPPORTED" : "CUBLAS_STATUS_ERROR"; }
int cublasLtCreate(void** h) { *h = new int(42); ++alive; return OK; }
int cublasLtDestroy(void* h) { delete (int*)h; --alive; return OK; }
int cublasLtMatmulDescCreate(void** d, int compute, int scale) {
  auto* made = new Desc; made->compute = compute; made->scale = scale; *d = made; ++alive; return OK; }
int cublasLtMatmulDescDestroy(void* d) { delete (Desc*)d; --alive; return OK; }
int cublasLtMatrixLayoutCreate(void** l, int dtype, uint64_t rows, uint64_t cols, int64_t ld) {
  if (ld < (int64_t)rows) return INVALID;
  auto* made = new Layout; made->dtype = dtype; made->rows = rows; made->cols = cols; made->ld = ld; *l = made; ++alive; return OK; }
int cublasLtMatrixLayoutDestroy(void* l) { delete (Layout*)l; --alive; return OK; }
int cublasLtMatmulPreferenceCreate(void** p) { *p = new Preference; ++alive; return OK; }
int cublasLtMatmulPreferenceDestroy(void* p) { delete (Preference*)p; --alive; return OK; }

static int put(Attributes* a, int attribute, const void* value, size_t n, const std::map<int, size_t>& sizes) {
  auto found = sizes.find(attribute);
  if (found == sizes.end() || found->second != n) return INVALID;
  a->held[attribute].assign((const unsigned char*)value, (const unsigned char*)value + n); return OK; }
static int take(Attributes* a, int attribute, void* value, size_t n, size_t* written) {
  auto found = a->held.find(attribute);
  if (found == a->held.end() || found->second.size() > n) return INVALID;
  memcpy(value, found->second.data(), found->second.size()); *written = found->second.size(); return OK; }
static const std::map<int, size_t> DESC = {{3, 4}, {4, 4}, {7, 4}, {8, 8}, {11, 8}, {12, 8}, {26, 4}};
static const std::map<int, size_t> LAYOUT = {{5, 4}, {6, 8}};
static const std::map<int, size_t> PREFERENCE = {{1, 8}, {3, 4}, {5, 4}, {6, 4}, {7, 4}, {8, 4}};
int cublasLtMatmulDescSetAttribute(void* d, int a, const void* v, size_t n) { return put((Desc*)d, a, v, n, DESC); }
int cublasLtMatmulDescGetAttribute(void* d, int a, void* v, size_t n, size_t* w) { return take((Desc*)d, a, v, n, w); }
int cublasLtMatrixLayoutSetAttribute(void* l, int a, const void* v, size_t n) { return put((Layout*)l, a, v, n, LAYOUT); }
int cublasLtMatrixLayoutGetAttribute(void* l, int a, void* v, size_t n, size_t* w) { return take((Layout*)l, a, v, n, w); }
int cublasLtMatmulPreferenceGetAttribute(void* p, int a, void* v, size_t n, size_t* w) { return take((Preference*)p, a, v, n, w); }
int cublasLtMatmulPreferenceSetAttribute(void* p, int a, const void* v, size_t n) { return put((Preference*)p, a, v, n, PREFERENCE); }
}

template <class T> static T of(const Attributes* a, int attribute, T otherwise) {
  auto found = a->held.find(attribute);
  if (found == a->held.end()) return otherwise;
  T value; memcpy(&value, found->second.data(), sizeof value); return value; }

static int check(const Desc* d, const Layout* a, const Layout* b, const Layout* c) {
  unsigned epilogue = of<uint32_t>(d, 7, 1);
  if (refuse_all || (int)epilogue == refused_epilogue) return refusal;
  bool ta = of<int32_t>(d, 3, 0), tb = of<int32_t>(d, 4, 0);
  uint64_t m = ta ? a->cols : a->rows, k = ta ? a->rows : a->cols, k2 = tb ? b->cols : b->rows, n = tb ? b->rows : b->cols;
  if (k != k2 || m != c->rows || n != c->cols || a->dtype != b->dtype || a->dtype != c->dtype) return INVALID;
  if ((d->compute == 70) != (c->dtype == R64F) || (d->scale == R64F) != (c->dtype == R64F)) return NOT_SUPPORTED;
  if ((epilogue & 128) && (of<int64_t>(d, 12, 0) % 128 || of<int64_t>(d, 12, 0) < (int64_t)c->rows)) return INVALID;
  if ((epilogue & (4 | 16)) && of<int32_t>(d, 26, -1) != c->dtype) return INVALID;
  int batch = of<int32_t>(c, 5, 1);
  return of<int32_t>(a, 5, 1) == batch && of<int32_t>(b, 5, 1) == batch ? OK : INVALID; }

static double half(uint16_t h) {
  int e = h >> 10 & 31, f = h & 1023; double v = e ? std::ldexp(1024 + f, e - 25) : std::ldexp((double)f, -24);
  return (h & 0x8000) ? -v : v; }
static double load(const void* p, int dtype, int64_t i) {
  if (dtype == R64F) return ((const double*)p)[i];
  if (dtype == R32F) return ((const float*)p)[i];
  uint16_t u = ((const uint16_t*)p)[i];
  if (dtype == R16F) return half(u);
  uint32_t w = (uint32_t)u << 16; float f; memcpy(&f, &w, 4); return f; }
static void store(void* p, int dtype, int64_t i, double v) {
  if (dtype == R64F) { ((double*)p)[i] = v; return; }
  float f = (float)v; uint32_t w; memcpy(&w, &f, 4);
  if (dtype == R32F) { ((float*)p)[i] = f; return; }
  if (dtype == R16BF) { ((uint16_t*)p)[i] = (uint16_t)((w + 0x7fff + (w >> 16 & 1)) >> 16); return; }
  _Float16 h = (_Float16)f; memcpy((uint16_t*)p + i, &h, 2); }

extern "C" {
int cublasLtMatmulAlgoGetHeuristic(void* h, void* d, void* a, void* b, void* c, void* dd, void* p, int wanted, Result* results, int* found) {
  ++counts[0]; *found = 0;
  if (*(int*)h != 42 || c != dd) return INVALID;
  if (int s = check((Desc*)d, (Layout*)a, (Layout*)b, (Layout*)c)) return s;
  auto* preference = (Preference*)p;
  if (of<uint32_t>(preference, 3, 7) != 2) return INVALID;
  for (int k = 0; k < wanted && k < 4; ++k) {
    size_t workspace = (size_t)k << 12;
    if (workspace > of<uint64_t>(preference, 1, 0)) break;
    results[k] = Result{}; results[k].algo.data[0] = 100 + k; results[k].workspace = workspace; ++*found; }
  return OK; }

int cublasLtMatmulAlgoCheck(void* h, void* d, void* a, void* b, void* c, void* dd, const Algo* algo, Result* result) {
  ++counts[1];
  if (algo->data[0] < 100 || algo->data[0] > 103) return INVALID;
  if (int s = check((Desc*)d, (Layout*)a, (Layout*)b, (Layout*)c)) return s;
  *result = Result{}; result->algo = *algo; result->workspace = (size_t)(algo->data[0] - 100) << 12; return OK; }

int cublasLtMatmul(void* h, void* dp, const void* alpha, const void* A, void* ap, const void* B, void* bp, const void* beta,
                   const void* C, void* cp, void* D, void* ddp, const Algo* algo, void* workspace, size_t nbytes, void* stream) {
  ++counts[2];
  auto *d = (Desc*)dp; auto *a = (Layout*)ap, *b = (Layout*)bp, *c = (Layout*)cp;
  if (*(int*)h != 42 || C != D || cp != ddp || !A || !B || !D) return INVALID;
  if (int s = check(d, a, b, c)) return s;
  size_t needs = (size_t)(algo->data[0] - 100) << 12;
  if (nbytes < needs || (needs && !workspace)) return INVALID;
  if ((int)algo->data[0] == fails_when_run) return 13;
  memset(workspace, 0x5a, needs);
  last[0] = algo->data[0]; last[1] = nbytes; last[2] = (long long)stream; last[3] = d->compute;
  double one = d->scale ? *(const double*)alpha : *(const float*)alpha, more = d->scale ? *(const double*)beta : *(const float*)beta;
  bool ta = of<int32_t>(d, 3, 0), tb = of<int32_t>(d, 4, 0);
  unsigned epilogue = of<uint32_t>(d, 7, 1);
  void* beside = (void*)of<uint64_t>(d, 8, 0); auto* mask = (unsigned char*)of<uint64_t>(d, 11, 0);
  int64_t mask_ld = of<int64_t>(d, 12, 0), m = c->rows, n = c->cols, k = ta ? a->rows : a->cols;
  if (((epilogue & (4 | 16)) && !beside) || ((epilogue & 128) && !mask)) return INVALID;
  for (int z = 0; z < of<int32_t>(c, 5, 1); ++z) {
    int64_t az = z * of<int64_t>(a, 6, 0), bz = z * of<int64_t>(b, 6, 0), cz = z * of<int64_t>(c, 6, 0);
    std::vector<double> sums(m, 0);
    for (int64_t j = 0; j < n; ++j)
      for (int64_t i = 0; i < m; ++i) {
        double v = 0;
        for (int64_t l = 0; l < k; ++l)
          v += load(A, a->dtype, az + (ta ? l + i * a->ld : i + l * a->ld)) * load(B, b->dtype, bz + (tb ? j + l * b->ld : l + j * b->ld));
        v = one * v + (more ? more * load(C, c->dtype, cz + i + j * c->ld) : 0);
        if (epilogue & 4) v += load(beside, c->dtype, i);
        unsigned char* byte = mask + (j * mask_ld + i) / 8; unsigned char bit = 1 << i % 8;
        if ((epilogue & (2 | 128)) == (2 | 128)) *byte = v > 0 ? *byte | bit : *byte & ~bit;
        if (epilogue & 2) v = v > 0 ? v : 0;
        if (epilogue & 32) v = 0.5 * v * (1 + std::tanh(0.7978845608028654 * (v + 0.044715 * v * v * v)));
        if (epilogue & 8) v = *byte & bit ? v : 0;
        sums[i] += v;
        store(D, c->dtype, cz + i + j * c->ld, v); }
    if (epilogue & 16) for (int64_t i = 0; i < m; ++i) store(beside, c->dtype, i, sums[i]); }
  return OK; }
}
