// The test program's operator new, which counts. In a file of its own: inlined into its users, the compiler takes
// malloc and delete for a mismatch.

#include "collect/counting_new_test.h"

#include <cstdlib>
#include <new>

namespace resmon::collect::testing {

namespace {
thread_local bool counting = false;
thread_local std::uint64_t allocations = 0;
}  // namespace

std::uint64_t count_allocations(bool on) {
  counting = on;
  const std::uint64_t counted = allocations;
  if (on) allocations = 0;
  return counted;
}

static void note_allocation() {
  if (counting) ++allocations;
}

}  // namespace resmon::collect::testing

// The aligned forms are not replaced: nothing that is tested is over-aligned.
void* operator new(std::size_t size) {
  resmon::collect::testing::note_allocation();
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  resmon::collect::testing::note_allocation();
  return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
