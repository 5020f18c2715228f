#include "storage.h"

#include "backup_command.h"
#include "base/log.h"
#include "database_names.h"
#include "ingest/log.h"
#include "logs/store.h"
#include "options.h"
#include "startup.h"
#include "store/store.h"

namespace resmon::server {

Storage::Storage(const Options& options) : options_(options), schemas_(static_cast<std::size_t>(options.max_schemas)) {}

Storage::~Storage() = default;

Status Storage::open_store() {
  const Step step("store open");
  RESMON_TRY(check_restored(options_.store_directory));
  auto opened = store::Store::open(options_.store_options(), schemas_);
  if (!opened) return fail(std::move(opened).error().wrap("store " + options_.store_directory));
  store_ = std::move(*opened);
  database_names_ = std::make_unique<DatabaseNames>(options_.store_directory + "/database-names");
  return {};
}

Status Storage::open_journal() {
  const Step step("journal open");
  auto opened = ingest::Log::open(options_.log_options(), schemas_);
  if (!opened) return fail(std::move(opened).error());
  journal_ = std::move(*opened);
  return {};
}

Status Storage::open_logs() {
  if (!options_.logs_enabled) return {};
  const Step step("lines open");
  auto opened = logs::Store::open(options_.logs_options());
  if (!opened) return fail(std::move(opened).error().wrap("logs"));
  logs_ = std::move(*opened);
  return {};
}

void Storage::close_store() {
  const Step step("store closed");
  if (Status closed = store_->close(); !closed)
    log::error("store", "did not close cleanly; the journal keeps what is not stored",
               {{"reason", closed.error().message}});
}

void Storage::close_journal() {
  const Step step("journal closed");
  if (Status closed = journal_->close(); !closed)
    log::error("journal", "did not close cleanly", {{"reason", closed.error().message}});
}

void Storage::close_logs() {
  if (!logs_) return;
  const Step step("lines closed");
  if (Status closed = logs_->close(); !closed)
    log::error("logs", "did not close cleanly", {{"reason", closed.error().message}});
}

}  // namespace resmon::server
