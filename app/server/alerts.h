#pragma once

// The server's alerts: a thread that reads the log with a cursor of its own, evaluates the rules, keeps what changed in
// alerts.db, and hands due messages to their channels. The engine's state, the outbox and the position in the log are
// one transaction (alert::Book); the log's cursor follows it.

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "alert/book.h"
#include "alert/engine.h"
#include "alert/notifier.h"
#include "alert/rules.h"
#include "alert_logs.h"
#include "base/mutex.h"
#include "ingest/log.h"

namespace resmon::fleet {
class Fleet;
}

namespace resmon::server {

class Storage;
struct Options;

inline constexpr std::int64_t kSilencesKept = 7LL * 24 * 3600 * 1'000'000'000;  // nanoseconds after their end

class Alerts {
 public:
  // The first three must outlive it. It sends on `network`; programs of channels run on `pool`.
  Alerts(const Options& options, Storage& storage, const fleet::Fleet& hosts, boost::asio::any_io_executor network,
         boost::asio::any_io_executor pool);
  ~Alerts();

  // Reads the rules and what was kept. kInvalid: the rules file has errors, each with its place.
  Status open();
  void start();
  void stop();

  // For the HTTP routes, from any thread but those of the network: they wait for the disk.
  std::string active_json();
  Result<std::string> history_json(std::int64_t before, std::size_t most, const std::string& host,
                                   const std::string& rule);
  std::string rules_json();
  // For an editor of one rule: its text in the file, and as it is built in.
  Result<std::string> rule_text_json(const std::string& name);
  // What the text is wrong in, or what the rule would have done in the stored history of `span`. Blocks for some
  // seconds. kLimit: too many at once.
  Result<std::string> preview_rule_json(const std::string& name, const std::string& text,
                                        std::chrono::nanoseconds span);
  // Writes the file with the text as the rule's (empty: without it), and reads it again. kChanged: the rule's text in
  // the file is not `was`. kRefused: `text` is JSON of its mistakes. kFailed: `text` says why.
  struct RuleWritten {
    enum class Kind : std::uint8_t { kDone, kChanged, kRefused, kFailed };
    Kind kind = Kind::kDone;
    std::string text;
  };
  RuleWritten write_rule(const std::string& name, const std::string& text, const std::string& was,
                         const std::string& author);
  // How many alerts that fire now the silence would hold back, and on which hosts.
  std::string silence_preview_json(const alert::Silence& silence);
  Result<std::string> silences_json();
  Result<std::int64_t> add_silence(alert::Silence silence);
  // kNotFound: there is none, or it is over.
  Status end_silence(std::int64_t id);
  // kNotFound: no such alert is active.
  Status acknowledge(const std::string& id, const std::string& author);
  // Puts a message into the outbox. kNotFound: no such channel.
  Status send_test(const std::string& channel, const std::string& author);

  struct Stats {
    alert::EngineStats engine;
    std::uint64_t firing = 0;
    std::uint64_t sent = 0, failed = 0, given_up = 0, dropped = 0;
    std::int64_t waiting = 0;
  };
  Stats stats();

 private:
  // One reading of the rules file.
  struct Rules {
    alert::Config config;
    std::unique_ptr<alert::Engine> engine;
    std::unique_ptr<alert::Notifier> notifier;
  };
  // The state of a channel's deliveries. A token bucket bounds their rate.
  struct Delivery {
    bool busy = false;
    double tokens = 0;
    UnixNanos filled = 0;  // 0: not yet
    UnixNanos failing_since = 0;
    std::string last_error;
    UnixNanos last_sent = 0;
    std::uint64_t sent = 0, failed = 0, given_up = 0;
  };
  struct Outcome {
    std::string channel;
    std::vector<std::int64_t> ids;
    std::int64_t attempts = 0;
    UnixNanos created = 0;
    Status status;
  };

  struct Bell {
    Mutex mutex;
    Condition rung;
    bool ringing GUARDED_BY(mutex) = false;
    std::vector<Outcome> outcomes GUARDED_BY(mutex);
    void ring();
  };

  void count_lines();
  Result<alert::Config> read_rules() REQUIRES(mutex_);
  // Goes on from the rules that are in force, or, at the start, from what was kept.
  void use(alert::Config config, const std::vector<alert::AlertRecord>& kept = {}) REQUIRES(mutex_);
  alert::MessageContext context() REQUIRES(mutex_);
  Result<std::string> rules_text() const;
  void reload_if_changed() REQUIRES(mutex_);
  void seed() REQUIRES(mutex_);
  void run();
  void read_some();
  void tick();
  void look() REQUIRES(mutex_);  // what changed, and what is to be told
  void keep() REQUIRES(mutex_);
  void write_rows() REQUIRES(mutex_);
  void take_outcomes() REQUIRES(mutex_);
  void deliver() REQUIRES(mutex_);
  void deliver(const std::string& channel, std::vector<alert::OutboxEntry> entries) REQUIRES(mutex_);
  static boost::asio::awaitable<void> note(boost::asio::awaitable<Status> delivery, Outcome outcome,
                                           std::shared_ptr<Bell> bell);
  void beat() REQUIRES(mutex_);
  alert::HistoryEntry history_entry(const alert::Transition& transition) const REQUIRES(mutex_);
  std::string alert_json(const alert::Alert& one, UnixNanos now) const REQUIRES(mutex_);

  const Options& options_;
  Storage& storage_;
  const fleet::Fleet& hosts_;
  const boost::asio::any_io_executor network_;
  const boost::asio::any_io_executor pool_;
  const std::string rules_file_;
  ingest::LogReader* reader_ = nullptr;
  std::shared_ptr<Bell> bell_ = std::make_shared<Bell>();  // the log and deliveries may ring when this is gone
  std::atomic<bool> stopping_{false};
  std::thread thread_;
  UnixNanos ticked_at_ = 0;  // the thread's

  Mutex mutex_;
  std::unique_ptr<Rules> rules_ GUARDED_BY(mutex_);
  std::unique_ptr<LineCounter> lines_ GUARDED_BY(mutex_);
  std::unique_ptr<alert::Book> book_ GUARDED_BY(mutex_);
  std::vector<alert::Silence> silences_ GUARDED_BY(mutex_);
  std::map<std::string, Delivery> deliveries_ GUARDED_BY(mutex_);
  std::string rules_error_ GUARDED_BY(mutex_);  // of a file that was changed and cannot be read
  std::uint64_t rules_mark_ GUARDED_BY(mutex_) = 0;
  alert::Mark mark_ GUARDED_BY(mutex_);
  std::vector<alert::HistoryEntry> unkept_history_ GUARDED_BY(mutex_);
  std::vector<alert::Outgoing> unkept_messages_ GUARDED_BY(mutex_);
  bool changed_ GUARDED_BY(mutex_) = false;
  std::string trouble_ GUARDED_BY(mutex_);  // why nothing is kept; empty: it is
  UnixNanos kept_at_ GUARDED_BY(mutex_) = 0;
  UnixNanos house_at_ GUARDED_BY(mutex_) = 0;
  UnixNanos beat_at_ GUARDED_BY(mutex_) = 0;
  bool beating_ GUARDED_BY(mutex_) = false;

  std::atomic<int> previews_{0};
};

}  // namespace resmon::server
