#pragma once

// How many rounds tests of random lives run.

namespace resmon {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RESMON_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RESMON_SANITIZED 1
#endif
#endif

// All of them; a quarter where a sanitizer or an emulator makes each take as long as four.
constexpr unsigned test_rounds(unsigned all) {
#if defined(RESMON_SANITIZED) || defined(RESMON_EMULATED)
  return (all + 3) / 4;
#else
  return all;
#endif
}

#undef RESMON_SANITIZED

}  // namespace resmon
