#pragma once

// Small files of /sys that a device answers, which may take long or never end (a sensor behind a bus that hangs). They
// are read by helper threads, a device's together, so that one that hangs costs only its own values.
//
//   answered in time            used at once; a gather waits at most a second for all devices
//   not answered in time        not waited for again until an answer comes, which the next gather then uses
//   took more than 50 ms        asked again right away, and the next gather uses that: at most an interval old

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "collect/collector.h"
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
  // REQUIRES for both: called while SlowReader::read_all hands it to `write`.
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

  // Has all devices read, each a thing with a `path` and its `files`, and calls write(device, files) for each that
  // answers: it waits a second for all of them together. Fails with the paths of those that did not answer, or
  // with what `write` failed with: "PATH: the `kind` does not answer".
  template <class Devices, class Write>
  Status read_all(Devices& devices, std::string_view kind, Write write) {
    for (const auto& device : devices) ask(device.files);
    const HelperPool::Clock::time_point deadline = HelperPool::Clock::now() + kPatience;
    std::string silent;
    Status status;
    for (auto& device : devices) {
      const bool answered = answer(device.files, deadline, [&](const SlowFiles& files) {
        if (Status written = write(device, files); !written) status = std::move(written);
      });
      if (!answered)
        silent += (silent.empty() ? "" : "; ") + device.path + ": the " + std::string(kind) + " does not answer";
    }
    if (!silent.empty()) return fail(ErrorKind::kUnavailable, silent);
    return status;
  }

 private:
  // Long, because a busy machine may wake a helper late; a device that hangs costs it once.
  static constexpr std::chrono::seconds kPatience{1};
  static constexpr std::chrono::milliseconds kSlow{50};

  void ask(const std::shared_ptr<SlowFiles>& device);
  // False when there is no answer until `deadline`.
  template <class Use>
  bool answer(const std::shared_ptr<SlowFiles>& device, HelperPool::Clock::time_point deadline, Use use) {
    if (!device->waited_for_ || !pool_.wait(*device, deadline)) return false;
    const auto took = pool_.take(*device);
    use(*device);
    if (took > kSlow) pool_.ask(device);
    return true;
  }

  HelperPool pool_;
};

// The whole number in a file that was read; nothing where the device has none to give now. What is no number is counted
// as skipped, and so is a file that may not be read.
std::optional<std::int64_t> number_in(const SlowFiles::File& file, const GatherContext& context);

}  // namespace resmon::collect
