// Every access of a kernel, checked: is it inside of an allocation, is it aligned, does it race with another thread's?
//
// The compiler inserts the calls that ThreadSanitizer and UndefinedBehaviorSanitizer are made of; this file answers
// them instead of their libraries. Because threads run one at a time, a race shows as two accesses of which nothing
// (no barrier, no end of the launch) says that one comes first, whatever the order in which they happened to run.
#pragma once

extern "C" int snprintf(char*, size_t, const char*, ...) noexcept;
extern "C" unsigned char __ehdr_start[] __attribute__((weak, visibility("hidden")));
extern "C" unsigned char _end[] __attribute__((weak, visibility("hidden")));

namespace sc {
// Who touched a byte last, and when: the block (counted over all launches), how many barriers it had passed, the
// thread, how many barriers of its warp it had passed, and whether it was an atomic operation.
typedef unsigned long long Stamp;
static const int THREAD_BITS = 10, EPOCH_BITS = 12;
struct Shadow { Stamp write, first_read, last_read; };
struct Range { size_t begin, end; Shadow* shadow; };

static const Range* ranges;
static size_t range_count;
static Stamp block_sequence, launch_sequence, acquired_sequence;
static unsigned block_epoch, warp_epoch[THREADS / 32];
static Shadow dynamic_shadow[sizeof dynamic_shared];
static Shadow static_shadow[1 << 20];  // the shared arrays of all functions of a module
static char message[400];
static bool reporting;

#define SC_MASK(n) ((1ull << (n)) - 1)

SC_UNCHECKED static Stamp now(bool atomic) {
  return block_sequence << 35 | (block_epoch & SC_MASK(EPOCH_BITS)) << 23 |
         (warp_epoch[current >> 5] & SC_MASK(EPOCH_BITS)) << 11 | (Stamp)current << 1 | (Stamp)atomic;
}
SC_UNCHECKED static unsigned thread_of(Stamp s) { return (unsigned)(s >> 1 & SC_MASK(THREAD_BITS)); }

// Whether nothing orders an earlier access before this one. Shared memory is each block's own.
SC_UNCHECKED static bool unordered(Stamp then, Stamp here, bool shared) {
  Stamp block = then >> 35;
  if (block == 0 || block < launch_sequence) return false;
  if (block != here >> 35) return !shared && acquired_sequence != block_sequence;
  if ((then >> 23 ^ here >> 23) & SC_MASK(EPOCH_BITS)) return false;
  unsigned a = thread_of(then), b = thread_of(here);
  if (a == b) return false;
  return a >> 5 != b >> 5 || !((then >> 11 ^ here >> 11) & SC_MASK(EPOCH_BITS));
}

// The access must not happen: this fiber never runs again.
SC_UNCHECKED static void stop() {
  fail(message);
  sc_switch(&fibers[current].stack, scheduler);
  __builtin_unreachable();
}

SC_UNCHECKED static void where(char* to, size_t n) {
  snprintf(to, n, "thread (%u, %u, %u) of block (%u, %u, %u)", threadIdx.x, threadIdx.y, threadIdx.z, blockIdx.x,
           blockIdx.y, blockIdx.z);
}

SC_UNCHECKED static void race(Stamp then, const char* verb, const char* other, const char* memory, size_t offset) {
  char who[100];
  where(who, sizeof who);
  if (then >> 35 == block_sequence)
    snprintf(message, sizeof message, "race: %s %s byte %zu of %s that thread %u of the same block %s, and no "
             "barrier stands between", who, verb, offset, memory, thread_of(then), other);
  else
    snprintf(message, sizeof message, "race: %s %s byte %zu of %s that another block of the launch %s", who, verb,
             offset, memory, other);
  stop();
}

SC_UNCHECKED static void touch(Shadow* shadow, size_t size, bool write, bool atomic, const char* memory, size_t offset) {
  Stamp here = now(atomic);
  bool shared = (shadow >= static_shadow && shadow < static_shadow + sizeof static_shadow / sizeof(Shadow)) ||
                (shadow >= dynamic_shadow && shadow < dynamic_shadow + sizeof dynamic_shared);
  for (size_t i = 0; i < size; ++i) {
    Shadow& s = shadow[i];
    bool both_atomic = atomic && (s.write & 1);
    if (!both_atomic && unordered(s.write, here, shared)) race(s.write, write ? "writes" : "reads", "wrote", memory, offset + i);
    if (!write) {
      if (!unordered(s.first_read, here, shared)) s.first_read = here;
      s.last_read = here;
      continue;
    }
    if (unordered(s.first_read, here, shared)) race(s.first_read, "writes", "reads", memory, offset + i);
    if (unordered(s.last_read, here, shared)) race(s.last_read, "writes", "reads", memory, offset + i);
    s.write = here;
  }
}

SC_UNCHECKED static bool within(size_t at, size_t size, const void* begin, size_t length) {
  return at >= (size_t)begin && at + size <= (size_t)begin + length;
}

SC_UNCHECKED static void access(const void* p, size_t size, bool write, bool atomic = false) {
  size_t at = (size_t)p;
  if (within(at, size, stacks + current * STACK, STACK)) return;
  if (within(at, 1, dynamic_shared, sizeof dynamic_shared)) {
    size_t offset = at - (size_t)dynamic_shared;
    if (offset + size <= dynamic_bytes) return touch(dynamic_shadow + offset, size, write, atomic, "shared memory", offset);
  } else if (__start_sc_shared && within(at, size, __start_sc_shared, (size_t)(__stop_sc_shared - __start_sc_shared))) {
    size_t offset = at - (size_t)__start_sc_shared;
    return touch(static_shadow + offset, size, write, atomic, "shared memory", offset);
  } else if (within(at, size, __ehdr_start, (size_t)(_end - __ehdr_start))) {
    if (!write) return;  // threadIdx, tables of constants
  } else {
    size_t low = 0, high = range_count;
    while (low < high) {
      size_t middle = (low + high) / 2;
      if (ranges[middle].begin <= at) low = middle + 1; else high = middle;
    }
    if (low) {
      const Range& r = ranges[low - 1];
      if (at + size <= r.end) {
        if (r.shadow) touch(r.shadow + (at - r.begin), size, write, atomic, "an allocation", at - r.begin);
        return;
      }
    }
  }
  char who[100], nearest[100] = "";
  where(who, sizeof who);
  for (size_t i = 0; i < range_count; ++i)
    if (at + size > ranges[i].end && at < ranges[i].end + 4096)
      snprintf(nearest, sizeof nearest, ", %zu bytes after the beginning of an allocation of %zu", at - ranges[i].begin,
               ranges[i].end - ranges[i].begin);
    else if (at < ranges[i].begin && at + 4096 > ranges[i].begin)
      snprintf(nearest, sizeof nearest, ", %zu bytes before an allocation", ranges[i].begin - at);
  snprintf(message, sizeof message, "out-of-bounds %s: %s %s %zu bytes at 0x%zx%s", write ? "write" : "read", who,
           write ? "writes" : "reads", size, at, nearest);
  stop();
}

SC_UNCHECKED static void atomic(const void* p, size_t size) {
  if ((size_t)p % size) {
    snprintf(message, sizeof message, "misaligned atomic operation of %zu bytes at 0x%zx", size, (size_t)p);
    stop();
  }
  access(p, size, true, true);
  // A block that has met the others at an atomic may read what they wrote before theirs.
  acquired_sequence = block_sequence;
}
SC_UNCHECKED static void met_block() { ++block_epoch; }
SC_UNCHECKED static void met_warp(unsigned warp) { ++warp_epoch[warp]; }
SC_UNCHECKED static void enter_block() {
  ++block_sequence;
  block_epoch = 0;
  for (unsigned w = 0; w < THREADS / 32; ++w) warp_epoch[w] = 0;
}
SC_UNCHECKED static void enter_launch() { launch_sequence = block_sequence + 1; }

struct Place { const char* file; unsigned line, column; };
struct Mismatch { Place place; const void* type; unsigned char log_alignment, kind; };
struct OutOfArray { Place place; const void *array, *index; };
}  // namespace sc

#define SC_CALLED extern "C" __attribute__((visibility("hidden"))) SC_UNCHECKED void
SC_CALLED __tsan_init() {}
SC_CALLED __tsan_func_entry(void*) {}
SC_CALLED __tsan_func_exit() {}
#define SC_SIZES(n)                                                           \
  SC_CALLED __tsan_read##n(void* p) { sc::access(p, n, false); }              \
  SC_CALLED __tsan_write##n(void* p) { sc::access(p, n, true); }              \
  SC_CALLED __tsan_unaligned_read##n(void* p) { sc::access(p, n, false); }    \
  SC_CALLED __tsan_unaligned_write##n(void* p) { sc::access(p, n, true); }    \
  SC_CALLED __tsan_volatile_read##n(void* p) { sc::access(p, n, false); }     \
  SC_CALLED __tsan_volatile_write##n(void* p) { sc::access(p, n, true); }
SC_SIZES(1) SC_SIZES(2) SC_SIZES(4) SC_SIZES(8) SC_SIZES(16)
#undef SC_SIZES
SC_CALLED __tsan_read_range(void* p, size_t n) { sc::access(p, n, false); }
SC_CALLED __tsan_write_range(void* p, size_t n) { sc::access(p, n, true); }
SC_CALLED __tsan_vptr_update(void**, void*) {}

SC_CALLED __ubsan_handle_type_mismatch_v1(sc::Mismatch* about, size_t at) {
  char who[100];
  sc::where(who, sizeof who);
  snprintf(sc::message, sizeof sc::message, "misaligned access: %s, line %u: 0x%zx is not a multiple of %u", who,
           about->place.line, at, 1u << about->log_alignment);
  sc::stop();
}
SC_CALLED __ubsan_handle_out_of_bounds(sc::OutOfArray* about, size_t index) {
  char who[100];
  sc::where(who, sizeof who);
  snprintf(sc::message, sizeof sc::message, "out-of-bounds index %zd of an array: %s, line %u", (ptrdiff_t)index, who,
           about->place.line);
  sc::stop();
}

// The allocations of the device, sorted; to be called before a launch.
extern "C" __attribute__((visibility("default"))) SC_UNCHECKED void sc_check(const sc::Range* ranges, size_t count) {
  sc::ranges = ranges;
  sc::range_count = count;
}
// Blocks are numbered over all libraries, so that stamps of one are understood by another.
extern "C" __attribute__((visibility("default"))) SC_UNCHECKED unsigned long long sc_blocks(unsigned long long after) {
  unsigned long long had = sc::block_sequence;
  sc::block_sequence = after;
  return had;
}
