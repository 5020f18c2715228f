#pragma once

// For tests: that a parser's work grows with its input and no faster. Counted in instructions where the kernel lets a
// process count its own: then work for 2n must be at most 2.5 times the work for n. Elsewhere, as in most containers,
// by the processor time of the thread, which is less sure: there 16n must take at most 56 times as long as n (linear is
// 16, with a quarter of a logarithm more; quadratic is 256), and the least of several runs counts.

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <functional>
#include <limits>
#include <string>

namespace resmon::test {

class WorkMeter {
 public:
  WorkMeter() {
    perf_event_attr event{};
    event.type = PERF_TYPE_HARDWARE;
    event.size = sizeof event;
    event.config = PERF_COUNT_HW_INSTRUCTIONS;
    event.exclude_kernel = 1;
    event.exclude_hv = 1;
    counter_ = static_cast<int>(::syscall(SYS_perf_event_open, &event, 0, -1, -1, 0));
    if (counter_ >= 0 && read_counter() == 0) {
      ::close(counter_);
      counter_ = -1;
    }
  }
  ~WorkMeter() {
    if (counter_ >= 0) ::close(counter_);
  }
  WorkMeter(const WorkMeter&) = delete;
  WorkMeter& operator=(const WorkMeter&) = delete;

  bool counts_instructions() const { return counter_ >= 0; }

  // The least of `runs`, in instructions or nanoseconds.
  std::uint64_t least(int runs, const std::function<void()>& work) const {
    std::uint64_t out = std::numeric_limits<std::uint64_t>::max();
    for (int i = 0; i < runs; ++i) {
      const std::uint64_t begin = now();
      work();
      out = std::min(out, now() - begin);
    }
    return std::max<std::uint64_t>(out, 1);
  }

 private:
  std::uint64_t read_counter() const {
    std::uint64_t value = 0;
    return ::read(counter_, &value, sizeof value) == static_cast<ssize_t>(sizeof value) ? value : 0;
  }
  std::uint64_t now() const {
    if (counter_ >= 0) return read_counter();
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
  }

  int counter_ = -1;
};

// "" when `parse` takes time in proportion to its text, which `make` makes of `n` pieces; else what was measured.
// `most` is the largest n that is allowed.
inline std::string not_linear(std::size_t most, const std::function<std::string(std::size_t)>& make,
                              const std::function<void(const std::string&)>& parse) {
  const WorkMeter meter;
  const bool exact = meter.counts_instructions();
  const std::size_t times = exact ? 2 : 16;
  const double bound = exact ? 2.5 : 56;
  const std::string one = make(most / times);
  const std::string many = make(most / times * times);
  const auto work = [&](const std::string& text) { return [&] { parse(text); }; };
  meter.least(1, work(one));  // what is done once only
  // Again where a neighbour on the same core made it look worse.
  std::string out;
  for (int attempt = 0; attempt < 8; ++attempt) {
    const std::uint64_t few = meter.least(exact ? 1 : 5, work(one));
    const std::uint64_t all = meter.least(exact ? 1 : 3, work(many));
    if (static_cast<double>(all) <= bound * static_cast<double>(few)) return "";
    out = std::to_string(times) + " times the text took " +
          std::to_string(static_cast<double>(all) / static_cast<double>(few)) + " times the work";
  }
  return out;
}

inline std::string repeated(const std::string& begin, const std::string& piece, std::size_t n, const std::string& end) {
  std::string out = begin;
  out.reserve(begin.size() + n * piece.size() + end.size());
  for (std::size_t i = 0; i < n; ++i) out += piece;
  return out + end;
}

}  // namespace resmon::test
