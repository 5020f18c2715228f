#include "base/log_file.h"

#include <algorithm>
#include <exception>
#include <utility>

// Header-only spdlog in this one file, and of it the sink only: the programs link no logging library at run time, and
// its loggers would take as long again to compile.
#define SPDLOG_FMT_EXTERNAL
#include <spdlog/sinks/rotating_file_sink.h>

namespace resmon {

namespace {

// The lines come whole.
class LineAsItIs final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& line, spdlog::memory_buf_t& out) override {
    out.append(line.payload.begin(), line.payload.end());
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<LineAsItIs>(); }
};

}  // namespace

struct LogFile::Sink {
  Sink(const std::string& path, std::size_t rotate_bytes, std::size_t keep_files)
      : file(path, rotate_bytes, keep_files) {}
  spdlog::sinks::rotating_file_sink_st file;
};

Result<LogFile> LogFile::open(const std::string& path, std::uint64_t rotate_bytes, int keep_files) {
  try {
    auto sink = std::make_unique<Sink>(path, rotate_bytes, static_cast<std::size_t>(std::max(keep_files, 1)));
    sink->file.set_formatter(std::make_unique<LineAsItIs>());
    return LogFile(std::move(sink));
  } catch (const std::exception& error) {
    return fail(ErrorKind::kDenied, path + ": " + error.what());
  }
}

LogFile::LogFile(std::unique_ptr<Sink> sink) : sink_(std::move(sink)) {}
LogFile::LogFile(LogFile&&) noexcept = default;
LogFile& LogFile::operator=(LogFile&&) noexcept = default;
LogFile::~LogFile() = default;

void LogFile::write(std::string_view line) {
  try {
    sink_->file.log({{}, spdlog::level::info, {line.data(), line.size()}});
    sink_->file.flush();
  } catch (const std::exception&) {
    // A log that throws would turn a full disk into a crash.
  }
}

}  // namespace resmon
