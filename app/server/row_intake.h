#pragma once

// The way of rows into the journal, and from it into the store: rules, room for series, checks, and files for what is
// refused.

#include <chrono>
#include <memory>

#include "base/result.h"

namespace resmon::fleet {
class Fleet;
}
namespace resmon::store {
struct DeleteReport;
struct Deletion;
}  // namespace resmon::store

namespace resmon::server {

class Pipeline;
class RowWriter;
class Rules;
class SeriesRoom;
class SetAside;
class Storage;
struct Options;

class RowIntake {
 public:
  // All must outlive it. The store and the journal are open.
  static Result<std::unique_ptr<RowIntake>> make(const Options& options, Storage& storage, fleet::Fleet& fleet);
  ~RowIntake();

  Pipeline& pipeline() { return *pipeline_; }
  const Pipeline& pipeline() const { return *pipeline_; }
  RowWriter& row_writer() { return *row_writer_; }
  Rules* rules() { return rules_.get(); }  // null: there are none
  const Rules* rules() const { return rules_.get(); }
  SeriesRoom& series_room() { return *series_room_; }
  SetAside& ingest_refused() { return *ingest_refused_; }

  // Whether the store shows all that was acknowledged until now; as Pipeline::wait_for.
  bool shows_acknowledged(std::chrono::steady_clock::time_point until) const;
  // As Pipeline::remove, and has the types forgotten that fields of deleted measurements had.
  Result<store::DeleteReport> remove(store::Deletion deletion, std::chrono::steady_clock::time_point until);

 private:
  RowIntake();

  std::unique_ptr<SetAside> ingest_refused_;
  std::unique_ptr<SetAside> store_refused_;
  std::unique_ptr<SeriesRoom> series_room_;
  std::unique_ptr<Rules> rules_;
  std::unique_ptr<RowWriter> row_writer_;
  std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace resmon::server
