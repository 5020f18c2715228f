#include "stored.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "data.h"
#include "lineproto/decoder.h"

namespace resmon::oracle {

Result<std::unique_ptr<Stored>> Stored::make(std::string_view lines) {
  std::unique_ptr<Stored> out(new Stored);
  const char* base = std::getenv("TMPDIR");
  out->directory_ = std::string(base != nullptr ? base : "/tmp") + "/resmon-oracle-XXXXXX";
  if (::mkdtemp(out->directory_.data()) == nullptr) return fail(system_error(out->directory_, errno));
  store::Options options;
  options.directory = out->directory_ + "/store";
  options.rows_per_chunk = 100;
  options.retain = std::chrono::seconds(0);
  RESMON_ASSIGN(out->store_, store::Store::open(options, out->schemas_));

  lineproto::LineDecoder decoder(out->schemas_);
  constexpr std::size_t kPieces = 7;
  for (std::size_t piece = 0; piece < kPieces; ++piece) {
    std::size_t end = piece + 1 == kPieces ? lines.size() : lines.find('\n', lines.size() / (kPieces - piece));
    if (end == std::string_view::npos) end = lines.size();
    metric::Batch batch;
    const lineproto::DecodeReport report = decoder.decode(lines.substr(0, end), {}, batch);
    if (report.refused_lines > 0) return fail(ErrorKind::kInternal, "line refused: " + report.error_text());
    RESMON_ASSIGN(const store::WriteReport written, out->store_->write(batch));
    if (written.refused_samples > 0) return fail(ErrorKind::kInternal, "store refused: " + written.first_refusal);
    // The last pieces stay in heads.
    if (piece < 5) RESMON_TRY(out->store_->maintain(kDataEnd + static_cast<UnixNanos>(piece) * 1800 * kSecond));
    lines.remove_prefix(end);
  }
  return out;
}

Stored::~Stored() {
  store_.reset();
  std::error_code ignored;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

}  // namespace resmon::oracle
