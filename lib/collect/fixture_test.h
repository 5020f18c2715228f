#pragma once

// What the collectors' tests share: a scratch copy of a capture under tests/fixtures/proc, whose files can be changed
// between gathers, and a gather of one collector from it.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/file.h"
#include "collect/collectors.h"
#include "collect/shared.h"
#include "collect/skip_log.h"
#include "collect/text_test.h"

namespace resmon::collect::testing {

inline const std::filesystem::path kFixtures = RESMON_SOURCE_DIR "/tests/fixtures/proc";

class Machine {
 public:
  Machine() {
    std::string name = (std::filesystem::temp_directory_path() / "resmon-collect-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    folder_ = name;
    roots.proc = (folder_ / "proc").string();
    roots.sys = (folder_ / "sys").string();
    roots.root = (folder_ / "root").string();
    std::filesystem::create_directories(roots.root);
  }
  ~Machine() { std::filesystem::remove_all(folder_); }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // Copies a capture over what is there. Files are rewritten in place, as those of /proc seem to be: who has them open
  // sees it.
  Machine& capture(const std::string& name) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(kFixtures / name)) {
      if (!entry.is_regular_file()) continue;
      auto text = read_file(entry.path().string());
      if (!text) std::abort();
      write(std::filesystem::relative(entry.path(), kFixtures / name), *text);
    }
    return *this;
  }
  Machine& write(const std::filesystem::path& path, const std::string& text) {
    std::filesystem::create_directories((folder_ / path).parent_path());
    // Not truncated to nothing first: ext4 then waits for the disk.
    const Fd fd(::open((folder_ / path).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    if (::pwrite(fd.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()) ||
        ::ftruncate(fd.get(), static_cast<off_t>(text.size())) != 0)
      std::abort();
    return *this;
  }
  Machine& remove(const std::filesystem::path& path) {
    std::filesystem::remove_all(folder_ / path);
    return *this;
  }
  std::string path(const std::string& relative) const { return (folder_ / relative).string(); }

  Roots roots;

 private:
  std::filesystem::path folder_;
};

// One collector over a machine, gathered once a second from time 1 s on.
class Probe {
 public:
  using Make = std::unique_ptr<Collector> (*)(const Roots&, const CollectorOptions&, metric::SchemaTable&, Shared&);

  Probe(const Machine& machine, Make make, const CollectorOptions& options = {}, StatfsFunction statfs_function = {},
        DeviceFunction device_function = {})
      : shared_(machine.roots, std::move(statfs_function), std::move(device_function)),
        collector_(make(machine.roots, options, schemas_, shared_)) {
    context_.skips = &skips_;
  }

  // The rows' lines, without their times. The error's text, if there was one, is in `error`.
  std::vector<std::string> gather(std::chrono::milliseconds later = std::chrono::seconds(1)) {
    context_.sequence += 1;
    context_.steady += later;
    context_.time = (context_.steady - late).time_since_epoch().count();
    batch_.clear();
    const Status status = collector_->gather(context_, batch_);
    error = status ? "" : status.error().message;
    std::vector<std::string> all = lines(schemas_, batch_);
    for (std::string& line : all) line.erase(line.rfind(' '));
    return all;
  }
  // The line that begins so, or "".
  std::string line(const std::vector<std::string>& all, const std::string& beginning) const {
    for (const std::string& one : all)
      if (one.starts_with(beginning)) return one;
    return "";
  }

  std::string error;
  std::chrono::nanoseconds late{0};  // how much later than the rows' time says a gather runs
  // Sums over all gathers.
  std::uint64_t skipped_lines() const { return skips_.lines(); }

 private:
  metric::SchemaTable schemas_;
  Shared shared_;
  std::unique_ptr<Collector> collector_;
  SkipLog skips_{"probe"};
  GatherContext context_;
  metric::Batch batch_;
};

using Lines = std::vector<std::string>;

}  // namespace resmon::collect::testing
