#include "row_intake.h"

#include "base/log.h"
#include "ingest/log.h"
#include "options.h"
#include "pipeline.h"
#include "row_writer.h"
#include "rules.h"
#include "series_room.h"
#include "set_aside.h"
#include "storage.h"
#include "store/store.h"

namespace resmon::server {

RowIntake::RowIntake() = default;
RowIntake::~RowIntake() = default;

Result<std::unique_ptr<RowIntake>> RowIntake::make(const Options& options, Storage& storage, fleet::Fleet& fleet) {
  const auto aside = [&](const std::string& what) {
    return std::make_unique<SetAside>(what, options.store_directory + "/refused-" + what + ".txt",
                                      options.set_aside_bytes(), storage.schemas());
  };
  ingest::Log& journal = storage.journal();
  store::Store& store = storage.store();
  auto out = std::unique_ptr<RowIntake>(new RowIntake());
  out->ingest_refused_ = aside("ingest");
  out->store_refused_ = aside("store");
  RESMON_ASSIGN(ingest::LogReader * reader, journal.add_reader("store", ingest::LogReader::Loss::kNever));
  out->pipeline_ =
      std::make_unique<Pipeline>(journal, *reader, store, fleet, *out->store_refused_, options.store_directory);
  out->series_room_ = std::make_unique<SeriesRoom>(storage.schemas(), store);
  out->rules_ = Rules::make(options, storage.schemas());
  warn_of_hidden_inputs(options);
  for (const std::string& one : doubtful_names(options, &store))
    log::warn("rules", "a rule names what is not known", {{"reason", one}});
  out->row_writer_ =
      std::make_unique<RowWriter>(options, storage.schemas(), journal, store, *out->series_room_, out->rules_.get());
  return out;
}

bool RowIntake::shows_acknowledged(std::chrono::steady_clock::time_point until) const {
  return pipeline_->wait_for(row_writer_->acknowledged_position(), until);
}

Result<store::DeleteReport> RowIntake::remove(store::Deletion deletion, std::chrono::steady_clock::time_point until) {
  auto removed = pipeline_->remove(std::move(deletion), until);
  row_writer_->forget_types();  // also where it failed half-way, or goes on
  return removed;
}

}  // namespace resmon::server
