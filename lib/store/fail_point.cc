#include "store/fail_point.h"

#include <signal.h>

#include <atomic>
#include <cstdlib>
#include <string>

namespace resmon::store {

namespace {

struct Wanted {
  std::string name;
  std::atomic<long> left{0};

  Wanted() {
    const char* const setting = std::getenv("RESMON_STORE_FAIL_POINT");
    if (setting == nullptr) return;
    const std::string text(setting);
    const std::size_t colon = text.rfind(':');
    name = text.substr(0, colon);
    left = colon == std::string::npos ? 1 : std::atol(text.c_str() + colon + 1);
  }
};

}  // namespace

void fail_point(std::string_view name) {
  static Wanted wanted;
  if (wanted.name.empty() || wanted.name != name) return;
  if (--wanted.left == 0) ::raise(SIGKILL);
}

}  // namespace resmon::store
