#pragma once

// Small files of /sys that a device answers, which may take long or never end (a sensor behind a bus that hangs). They
// are read by helper threads, a device's together, so that one that hangs costs only its own values.
//
//   answered in time            used at once; a gather waits at most a second for all devices
//   not answered in time        not waited for again until an answer comes, which the next gather then uses
//   took more than 50 ms        asked again right away, and the next gather uses that: at most an interval old

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "collect/helper_pool.h"

namespace resmon::collect {

// The files of one device.
class SlowFiles final : public HelperPool::Job {
 public:
  struct File {
    explicit File(std::string p) : path(std::move(p)) {}
    std::string path;
    int error_number = 0;  // of the last reading
    std::size_t size = 0;
    std::array<char, 128> text;  // longer ones are cut
    std::string_view content() const { return {text.data(), size}; }
  };

  // `power`: the device's power/runtime_status, or empty. A device that is suspended there is not woken: its files are
  // not read.
  SlowFiles(std::vector<File> files, std::string power) : files_(std::move(files)), power_(std::move(power)) {}
  // REQUIRES for both: called from SlowReader::answer.
  const std::vector<File>& files() const { return files_; }
  bool suspended() const { return suspended_; }

 private:
  friend class SlowReader;
  void run() override;

  std::vector<File> files_;
  File power_;
  bool suspended_ = false;
  bool waited_for_ = false;  // the asker's
};

class SlowReader {
 public:
  explicit SlowReader(std::size_t most_threads) : pool_(most_threads) {}

  // Has the device read; call it for all devices before the first answer.
  void ask(const std::shared_ptr<SlowFiles>& device);
  void start_waiting() { deadline_ = HelperPool::Clock::now() + kPatience; }
  // Calls use() when the device has answered, for which it waits until a second after start_waiting. False when there
  // is no answer.
  template <class Use>
  bool answer(const std::shared_ptr<SlowFiles>& device, Use use) {
    if (!device->waited_for_ || !pool_.wait(*device, deadline_)) return false;
    const auto took = pool_.take(*device);
    use(*device);
    if (took > kSlow) pool_.ask(device);
    return true;
  }

 private:
  // Long, because a busy machine may wake a helper late; a device that hangs costs it once.
  static constexpr std::chrono::seconds kPatience{1};
  static constexpr std::chrono::milliseconds kSlow{50};

  HelperPool pool_;
  HelperPool::Clock::time_point deadline_;
};

}  // namespace resmon::collect
