#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "fleet/fleet.h"
#include "flush_request.h"
#include "ingest/log.h"
#include "set_aside.h"
#include "store/store.h"

namespace resmon::server {

// The store's mark of how far it has the journal, and what its value says; nothing where it is of another journal.
inline constexpr std::string_view kJournalMark = "journal";
std::optional<ingest::Progress> progress_of(const std::string& mark, std::uint64_t journal_id);

// The thread between the log and the embedded store: shows every entry to the fleet, writes it to the store, and keeps
// the store's house in order. It is the store's only writer.
//
// The store says itself how far its file is: a mark is stored once the file has every row that was written before it. A
// start goes on behind that mark, wherever the log's cursor is, so it writes the rows that heads had in memory again.
// The cursor follows the mark that is synced, and the log keeps what is not yet in the store's main file while it has
// the space, so that damage to the write-ahead log is made up for. What neither has is counted, and the count is kept
// in the store.
class Pipeline {
 public:
  // All must outlive the pipeline. `directory`: the store's, where others ask for a flush.
  Pipeline(ingest::Log& log, ingest::LogReader& reader, store::Store& store, fleet::Fleet& fleet, SetAside& refused,
           const std::string& directory);
  ~Pipeline();

  // Told, on the pipeline's thread, of a host's samples that the store refused, and why the first was. Before start().
  using Refused = std::function<void(const std::string& host, std::uint64_t samples, const std::string& reason)>;
  void on_refused(Refused told) { told_ = std::move(told); }
  // Called, on the pipeline's thread, with every entry before it is written. Before start().
  using Seen = std::function<void(const ingest::Entry&)>;
  void on_entry(Seen seen) { seen_ = std::move(seen); }
  // Up to which the store shows all; before start(): entries after it will be seen.
  std::uint64_t position() const { return applied_; }
  void start();
  // Writes what the log still holds, until then at the latest, and ends the thread. The log must have been stopped.
  void stop(std::chrono::steady_clock::time_point until);
  // Acknowledged samples that were ever lost by damage: their number, and the time of the newest.
  ingest::Missing missing() const;
  // After the store was closed: the log may let go of what it has.
  void release();

  // Waits until the store shows every entry up to `position`, which the log has made durable. False: it does not by
  // `until`, refuses what is next, or is further behind than that. What an earlier process wrote and is read again at
  // the start is waited for however old it is. Any thread but those of the network.
  bool wait_for(std::uint64_t position, std::chrono::steady_clock::time_point until) const;
  // Deletes rows of every entry that is durable now; later rows stay. Any thread but those of the network.
  // kUnavailable at `until`: a deletion that has begun is completed, also after a crash, and the text states that;
  // otherwise nothing was deleted.
  Result<store::DeleteReport> remove(store::Deletion deletion, std::chrono::steady_clock::time_point until);

  // Empty while all is well; else why the store takes nothing.
  std::string trouble() const;
  ingest::LogReader::Stats stats() const;  // the backlog: of what is not written yet

 private:
  struct Removal {
    store::Deletion deletion;
    std::uint64_t after = 0;  // position: entries up to it are to be in the store before
    bool taken = false;       // out of removals_
    bool begun = false;       // it is on disk that it is to be done
    std::optional<Result<store::DeleteReport>> answer;
  };

  // What the log holds of the pipeline: it may call from a thread of its own when the pipeline is gone already.
  struct Bell {
    Mutex mutex;
    Pipeline* owner GUARDED_BY(mutex) = nullptr;  // null: gone
  };

  void run();
  void ring();
  const ingest::Entry* next();
  void applied(std::uint64_t position);
  void serve_removals();
  bool write(const ingest::Entry& entry);
  void keep_house();
  void note_missing();
  bool journal_holds_much() const;
  void set_trouble(std::string text);
  void set_refusing(bool refusing);
  void set_aside(const metric::Batch& batch, const std::vector<store::RefusedRow>& rows);

  ingest::Log& log_;
  ingest::LogReader& reader_;
  store::Store& store_;
  fleet::Fleet& fleet_;
  SetAside& refused_;
  FlushRequests flush_requests_;
  const std::shared_ptr<Bell> bell_ = std::make_shared<Bell>();
  Refused told_;
  Seen seen_;
  ingest::Progress written_;            // the thread's
  std::uint64_t marked_ = 0;            // position
  std::uint64_t replayed_through_ = 0;  // position: what an earlier process wrote, as far as it is known
  std::uint64_t replay_end_ = 0;        // position: the newest that was in the log at the start
  std::uint64_t shown_ = 0;             // to the fleet
  std::chrono::steady_clock::time_point house_at_;
  std::chrono::steady_clock::time_point flushed_at_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::chrono::steady_clock::time_point> stop_by_ = std::chrono::steady_clock::time_point::max();
  std::atomic<std::uint64_t> applied_{0};          // position up to which the store shows all
  std::atomic<std::uint64_t> written_samples_{0};  // since the journal began
  std::atomic<UnixNanos> writing_received_{0};     // when the log got what is being written; 0: all is written
  mutable std::atomic<int> waiting_{0};            // in wait_for
  mutable Mutex mutex_;
  mutable Condition applied_changed_;
  Condition wake_;      // of the thread
  Condition answered_;  // of those in remove
  std::string trouble_ GUARDED_BY(mutex_);
  bool refusing_ GUARDED_BY(mutex_) =
      false;  // the store did not take the entry that is next: more than trouble in keeping house
  bool readable_ GUARDED_BY(mutex_) = false;
  std::deque<std::shared_ptr<Removal>> removals_ GUARDED_BY(mutex_);
  ingest::Missing missing_ GUARDED_BY(mutex_);      // passed, and kept in the store
  ingest::Missing missing_end_ GUARDED_BY(mutex_);  // not passed
  std::thread thread_;
};

}  // namespace resmon::server
