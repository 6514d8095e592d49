// The threads of a block: a fiber each, a scheduler, barriers and shuffles, and the way into a kernel.
#pragma once

#ifdef SC_CHECK
#define SC_UNCHECKED __attribute__((no_sanitize("thread", "alignment", "bounds")))
#else
#define SC_UNCHECKED
#endif

extern "C" unsigned char __start_sc_shared[] __attribute__((weak, visibility("hidden")));
extern "C" unsigned char __stop_sc_shared[] __attribute__((weak, visibility("hidden")));

// Saves the registers that a call must keep, takes another stack, restores.
extern "C" void sc_switch(void** save, void* load) noexcept;
#if defined(__x86_64__)
asm(R"(
.text
.hidden sc_switch
.globl sc_switch
.type sc_switch,@function
sc_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size sc_switch,.-sc_switch
)");
#define SC_FRAME 8    // words on a fresh stack: six registers, the entry, room for alignment
#define SC_ENTRY_AT 6
#elif defined(__aarch64__)
asm(R"(
.text
.hidden sc_switch
.globl sc_switch
.type sc_switch,%function
sc_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size sc_switch,.-sc_switch
)");
#define SC_FRAME 20
#define SC_ENTRY_AT 11
#else
#error "scopert's host device knows how to switch stacks on x86-64 and on 64-bit ARM only"
#endif

namespace sc {
enum State : unsigned char { READY, AT_BLOCK, AT_WARP, DONE };

static const unsigned THREADS = 1024;
static const size_t STACK = 128 << 10;

struct Fiber {
  void* stack;
  uint3 index;
  unsigned mask;     // of the warp barrier that it waits at
  unsigned place;    // line of the barrier that it waits at
  unsigned shuffles; // how many it took part in
  State state;
};

static Fiber fibers[THREADS];
static unsigned short order[THREADS];
static unsigned char* stacks;
static void* scheduler;
static unsigned current, seed, count;
static void (*body)(void**);
static void** arguments;
static const char* failure;
alignas(128) static unsigned char dynamic_shared[228 << 10];
static size_t dynamic_bytes;

// A shuffle's values; two generations, so that nobody overwrites what a slower lane has yet to read.
struct Slot { unsigned long long value[2]; unsigned stamp; };
static Slot slots[2][THREADS];
static unsigned long long votes[2][THREADS];

SC_UNCHECKED static unsigned draw(unsigned n) {
  seed = seed * 1664525u + 1013904223u;
  return (unsigned)((unsigned long long)(seed >> 8) * n >> 24);
}

SC_UNCHECKED static void fail(const char* why) { if (!failure) failure = why; }
}  // namespace sc

#ifdef SC_CHECK
#include "check.h"
#else
namespace sc {
static inline void atomic(const void*, size_t) {}
static inline void met_block() {}
static inline void met_warp(unsigned) {}
static inline void enter_block() {}
static inline void enter_launch() {}
}  // namespace sc
#endif

namespace sc {
SC_UNCHECKED static void leave(State state) {
  fibers[current].state = state;
  sc_switch(&fibers[current].stack, scheduler);
  threadIdx = fibers[current].index;
}

SC_UNCHECKED static void start() {
  body(arguments);
  leave(DONE);
  __builtin_unreachable();
}

SC_UNCHECKED static __attribute__((noinline)) void barrier(unsigned place) {
  fibers[current].place = place;
  leave(AT_BLOCK);
}

SC_UNCHECKED static __attribute__((noinline)) void warp_barrier(unsigned mask) {
  if (!(mask >> (current & 31u) & 1u)) fail("a lane is not in the mask of its own warp operation");
  fibers[current].mask = mask;
  leave(AT_WARP);
}

// Lets go the lanes of every warp operation that all of its lanes have reached. Lanes that left count as there.
SC_UNCHECKED static bool release_warps() {
  bool woke = false;
  for (unsigned w = 0; w < count; w += 32) {
    unsigned lanes = count - w < 32 ? count - w : 32, waiting = 0, gone = lanes < 32 ? ~0u << lanes : 0u;
    for (unsigned l = 0; l < lanes; ++l) {
      State s = fibers[w + l].state;
      waiting |= (unsigned)(s == AT_WARP) << l;
      gone |= (unsigned)(s == DONE) << l;
    }
    while (waiting) {
      unsigned mask = fibers[w + (unsigned)__builtin_ctz(waiting)].mask, same = 0;
      for (unsigned l = 0; l < lanes; ++l)
        if ((waiting >> l & 1u) && fibers[w + l].mask == mask) same |= 1u << l;
      if ((same | gone) == (mask | gone)) {
        for (unsigned l = 0; l < lanes; ++l)
          if (same >> l & 1u) fibers[w + l].state = READY;
        met_warp(w >> 5);
        woke = true;
      }
      waiting &= ~same;
    }
  }
  return woke;
}

SC_UNCHECKED static void run_fibers() {
  // What is not written must not look right: NaN as a float, -1 as an integer.
  memset(dynamic_shared, 0xFF, dynamic_bytes);
  if (__start_sc_shared) memset(__start_sc_shared, 0xFF, (size_t)(__stop_sc_shared - __start_sc_shared));
  for (unsigned t = 0; t < count; ++t) {
    Fiber& f = fibers[t];
    void** top = (void**)(stacks + (t + 1) * STACK) - SC_FRAME;
    for (unsigned i = 0; i < SC_FRAME; ++i) top[i] = nullptr;
    top[SC_ENTRY_AT] = (void*)&start;
    f.stack = top;
    f.index = {t % blockDim.x, t / blockDim.x % blockDim.y, t / blockDim.x / blockDim.y};
    f.state = READY;
    f.shuffles = 0;
    order[t] = (unsigned short)t;
  }
  for (;;) {
    if (seed)
      for (unsigned i = count - 1; i > 0; --i) {
        unsigned j = draw(i + 1);
        unsigned short other = order[i];
        order[i] = order[j];
        order[j] = other;
      }
    for (unsigned i = 0; i < count; ++i) {
      unsigned t = order[i];
      if (fibers[t].state != READY) continue;
      current = t;
      threadIdx = fibers[t].index;
      sc_switch(&scheduler, fibers[t].stack);
      if (failure) return;
    }
    if (release_warps()) continue;
    unsigned waiting = 0, done = 0, place = 0;
    bool differ = false;
    for (unsigned t = 0; t < count; ++t) {
      done += fibers[t].state == DONE;
      if (fibers[t].state != AT_BLOCK) continue;
      differ |= waiting && fibers[t].place != place;
      place = fibers[t].place;
      ++waiting;
    }
    if (done == count) return;
    if (waiting + done != count) return fail("a warp operation waits for lanes that never reach it");
    if (done) return fail("divergent barrier: some threads of the block left before __syncthreads");
    if (differ) return fail("divergent barrier: threads of the block wait at different __syncthreads");
    met_block();
    for (unsigned t = 0; t < count; ++t) fibers[t].state = READY;
  }
}

SC_UNCHECKED static void run_loop() {
  unsigned first = 0, step = 1;
  if (seed && count > 1) {  // another order of the threads: from a random one on, by a step prime to their count
    first = draw(count);
    for (step = draw(count) | 1u;; step += 2) {
      unsigned a = step, b = count;
      while (b) { unsigned r = a % b; a = b; b = r; }
      if (a == 1) break;
    }
  }
  unsigned t = first;
  for (unsigned i = 0; i < count; ++i) {
    current = t;
    threadIdx = {t % blockDim.x, t / blockDim.x % blockDim.y, t / blockDim.x / blockDim.y};
    body(arguments);
    if (failure) return;
    t = (unsigned)(((unsigned long long)t + step) % count);
  }
}

// Runs a kernel: shape is the grid, the block and the bytes of dynamic shared memory.
SC_UNCHECKED static const char* launch(void (*kernel)(void**), const unsigned* shape, void** values, bool meet,
                                       unsigned with_seed) {
  gridDim = {shape[0], shape[1], shape[2]};
  blockDim = {shape[3], shape[4], shape[5]};
  dynamic_bytes = shape[6];
  body = kernel;
  arguments = values;
  count = blockDim.x * blockDim.y * blockDim.z;
  seed = with_seed;
  failure = nullptr;
#ifdef SC_CHECK
  meet = true;  // only a fiber can be left in the middle
#endif
  enter_launch();
  if (meet && !stacks) stacks = (unsigned char*)malloc(THREADS * STACK + 64);
  if (meet && ((size_t)stacks & 15)) stacks += 16 - ((size_t)stacks & 15);
  unsigned long long blocks = (unsigned long long)gridDim.x * gridDim.y * gridDim.z;
  bool backwards = seed & 1u;  // the order of blocks is nobody's promise either
  for (unsigned long long i = 0; i < blocks; ++i) {
    unsigned long long b = backwards ? blocks - 1 - i : i;
    blockIdx = {(unsigned)(b % gridDim.x), (unsigned)(b / gridDim.x % gridDim.y),
                (unsigned)(b / gridDim.x / gridDim.y)};
    enter_block();
    if (meet) run_fibers(); else run_loop();
    if (failure) return failure;
  }
  return nullptr;
}

// What a kernel takes, for the check of a launch: size, and kind (0 pointer, 1 float, 2 signed, 3 unsigned, 4 other).
template <class T> struct kind { static const unsigned value = 4; };
template <class T> struct kind<T*> { static const unsigned value = 0; };
template <> struct kind<float> { static const unsigned value = 1; };
template <> struct kind<double> { static const unsigned value = 1; };
#define SC_KIND(T, n) template <> struct kind<T> { static const unsigned value = n; };
SC_KIND(signed char, 2) SC_KIND(char, 2) SC_KIND(short, 2) SC_KIND(int, 2) SC_KIND(long, 2) SC_KIND(long long, 2)
SC_KIND(bool, 3) SC_KIND(unsigned char, 3) SC_KIND(unsigned short, 3) SC_KIND(unsigned, 3)
SC_KIND(unsigned long, 3) SC_KIND(unsigned long long, 3)
#undef SC_KIND
template <class T> struct bare { typedef T type; };
template <class T> struct bare<const T> { typedef T type; };

template <unsigned... I> struct Numbers {};
template <class... A, unsigned... I>
SC_UNCHECKED static inline void call(void (*kernel)(A...), void** values, Numbers<I...>) {
  kernel(*reinterpret_cast<typename bare<A>::type*>(values[I])...);
}
template <class F> struct Signature;
template <class... A> struct Signature<void (*)(A...)> {
  typedef Numbers<__integer_pack(sizeof...(A))...> numbers;
  SC_UNCHECKED static void describe(unsigned* to) {
    const unsigned codes[] = {(unsigned)sizeof...(A), (unsigned)(sizeof(A) << 8 | kind<typename bare<A>::type>::value)...};
    for (unsigned i = 0; i < 1 + sizeof...(A); ++i) to[i] = codes[i];
  }
};

// A shuffle: every lane of the mask gives a value, and takes that of another lane.
template <class T> SC_UNCHECKED static T shuffle(unsigned mask, T value, unsigned source) {
  static_assert(sizeof(T) <= 8, "shuffles move at most eight bytes");
  Fiber& f = fibers[current];
  unsigned n = ++f.shuffles;
  Slot* row = slots[n & 1u];
  memcpy(row[current].value, &value, sizeof value);
  row[current].stamp = n;
  warp_barrier(mask);
  unsigned from = (current & ~31u) | (source & 31u);
  T taken;
  // A lane that takes no part has no value to give: what hardware leaves open is made visible here.
  if (from >= count || row[from].stamp != n || !(mask >> (source & 31u) & 1u)) memset((void*)&taken, 0xFF, sizeof taken);
  else memcpy((void*)&taken, row[from].value, sizeof taken);
  return taken;
}

SC_UNCHECKED static unsigned ballot(unsigned mask, bool vote) {
  Fiber& f = fibers[current];
  unsigned n = ++f.shuffles;
  Slot* row = slots[n & 1u];
  row[current].value[0] = vote;
  row[current].stamp = n;
  warp_barrier(mask);
  unsigned base = current & ~31u, all = 0;
  for (unsigned l = 0; l < 32 && base + l < count; ++l)
    if ((mask >> l & 1u) && row[base + l].stamp == n && row[base + l].value[0]) all |= 1u << l;
  return all;
}

SC_UNCHECKED static int vote_block(unsigned place, bool vote) {
  Fiber& f = fibers[current];
  unsigned long long* row = votes[0];
  barrier(place);  // votes of an earlier call have been counted
  row[current] = vote;
  barrier(place);
  int sum = 0;
  for (unsigned t = 0; t < count; ++t) sum += (int)row[t];
  (void)f;
  return sum;
}
}  // namespace sc

#define __syncthreads() sc::barrier(__LINE__)
#define __syncthreads_count(p) sc::vote_block(__LINE__, (p) != 0)
#define __syncthreads_or(p) (sc::vote_block(__LINE__, (p) != 0) != 0)
#define __syncthreads_and(p) (sc::vote_block(__LINE__, (p) == 0) == 0)
static inline void __syncwarp(unsigned mask = ~0u) { sc::warp_barrier(mask); }
static inline void __threadfence() {}
static inline void __threadfence_block() {}
static inline void __threadfence_system() {}
static inline unsigned __ballot_sync(unsigned mask, int p) { return sc::ballot(mask, p != 0); }
static inline int __any_sync(unsigned mask, int p) { return sc::ballot(mask, p != 0) != 0; }
static inline int __all_sync(unsigned mask, int p) { return sc::ballot(mask, p == 0) == 0; }

// A lane outside of its part of `width` lanes keeps its own value, as on hardware.
template <class T> static inline T __shfl_sync(unsigned mask, T v, int lane, int width = 32) {
  unsigned l = sc::current & 31u, w = (unsigned)width;
  return sc::shuffle(mask, v, (l & ~(w - 1)) | ((unsigned)lane & (w - 1)));
}
template <class T> static inline T __shfl_xor_sync(unsigned mask, T v, int lanes, int width = 32) {
  unsigned l = sc::current & 31u, w = (unsigned)width, from = l ^ (unsigned)lanes;
  return sc::shuffle(mask, v, (from & ~(w - 1)) > (l & ~(w - 1)) ? l : from);
}
template <class T> static inline T __shfl_up_sync(unsigned mask, T v, unsigned delta, int width = 32) {
  unsigned l = sc::current & 31u, w = (unsigned)width;
  return sc::shuffle(mask, v, (l & (w - 1)) < delta ? l : l - delta);
}
template <class T> static inline T __shfl_down_sync(unsigned mask, T v, unsigned delta, int width = 32) {
  unsigned l = sc::current & 31u, w = (unsigned)width;
  return sc::shuffle(mask, v, (l & (w - 1)) + delta >= w ? l : l + delta);
}
#define SC_REDUCE(name, T, combine)                                                \
  static inline T name(unsigned mask, T v) {                                       \
    T all = v;                                                                     \
    bool any = false;                                                              \
    for (unsigned l = 0; l < 32; ++l) {                                            \
      T other = sc::shuffle(mask, v, l);                                           \
      if ((mask >> l & 1u) == 0) continue;                                         \
      all = any ? (combine) : other;                                               \
      any = true;                                                                  \
    }                                                                              \
    return all;                                                                    \
  }
SC_REDUCE(__reduce_add_sync, unsigned, all + other)
SC_REDUCE(__reduce_max_sync, unsigned, all < other ? other : all)
SC_REDUCE(__reduce_min_sync, unsigned, other < all ? other : all)
SC_REDUCE(__reduce_or_sync, unsigned, all | other)
#undef SC_REDUCE

// NAME_cpu(shape, values, seed): the reason of a failure, or null. NAME_takes(codes): what it takes.
#define SC_ENTRY(name, meet)                                                                          \
  namespace { SC_UNCHECKED void name##_unpack(void** values) {                                                     \
    sc::call(&name, values, typename sc::Signature<decltype(&name)>::numbers{}); } }                  \
  extern "C" __attribute__((visibility("default")))                                                   \
  const char* name##_cpu(const unsigned* shape, void** values, unsigned seed) {                       \
    return sc::launch(&name##_unpack, shape, values, meet, seed); }                                   \
  extern "C" __attribute__((visibility("default"))) void name##_takes(unsigned* to) {                 \
    sc::Signature<decltype(&name)>::describe(to); }
