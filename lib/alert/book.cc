#include "alert/book.h"

#include <bit>
#include <boost/json.hpp>

#include "base/json_members.h"

namespace resmon::alert {

namespace {

namespace json = boost::json;

constexpr const char* kTables = R"sql(
CREATE TABLE IF NOT EXISTS mark (id INTEGER PRIMARY KEY CHECK (id = 1), log INTEGER, position INTEGER, samples INTEGER, received INTEGER);
CREATE TABLE IF NOT EXISTS state (id INTEGER PRIMARY KEY, record TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS history (id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, rule TEXT NOT NULL, host TEXT NOT NULL,
  tags TEXT NOT NULL, severity TEXT NOT NULL, state TEXT NOT NULL, value INTEGER NOT NULL, value_text TEXT NOT NULL,
  limit_text TEXT NOT NULL, since INTEGER NOT NULL, late INTEGER NOT NULL, reason TEXT NOT NULL, stored INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS history_unstored ON history (id) WHERE stored = 0;
CREATE INDEX IF NOT EXISTS history_host ON history (host, id);
CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, created INTEGER NOT NULL,
  next_try INTEGER NOT NULL, attempts INTEGER NOT NULL, last_error TEXT NOT NULL, message TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS silence (id INTEGER PRIMARY KEY AUTOINCREMENT, hosts TEXT NOT NULL, rule TEXT NOT NULL, begins INTEGER NOT NULL,
  ends INTEGER NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL);
)sql";

std::string tags_json(const std::vector<metric::Tag>& tags) {
  json::object out;
  for (const metric::Tag& tag : tags) out[tag.key] = tag.value;
  return json::serialize(out);
}

std::vector<metric::Tag> tags_of(const json::value& value) {
  std::vector<metric::Tag> out;
  if (value.is_object())
    for (const auto& one : value.as_object())
      if (one.value().is_string()) out.push_back({std::string(one.key()), std::string(one.value().as_string())});
  metric::normalise_tags(out);
  return out;
}

json::value parsed(std::string_view text) {
  boost::system::error_code error;
  json::value out = json::parse(json::string_view(text.data(), text.size()), error);
  return error ? json::value() : out;
}

std::string record_json(const AlertRecord& record) {
  json::object tags;
  for (const metric::Tag& tag : record.tags) tags[tag.key] = tag.value;
  json::array channels;
  for (const std::string& one : record.channels) channels.emplace_back(one);
  return json::serialize(json::object{{"rule", record.rule},
                                      {"host", record.host},
                                      {"tags", std::move(tags)},
                                      {"state", std::string(state_name(record.state))},
                                      {"since", record.since},
                                      {"fired", record.fired},
                                      {"ended", record.ended},
                                      {"comparison", record.comparison},
                                      {"value", std::bit_cast<std::int64_t>(record.value)},
                                      {"notified", record.notified},
                                      {"notified_at", record.notified_at},
                                      {"first_notified_at", record.first_notified_at},
                                      {"escalated", record.escalated},
                                      {"reason", record.reason},
                                      {"evaluated", record.evaluated},
                                      {"gap", record.gap},
                                      {"clear_since", record.clear_since},
                                      {"rule_mark", std::bit_cast<std::int64_t>(record.rule_mark)},
                                      {"when", record.when},
                                      {"limit", std::bit_cast<std::int64_t>(record.limit)},
                                      {"severity", std::string(severity_name(record.severity))},
                                      {"channels", std::move(channels)},
                                      {"acknowledged_by", record.acknowledged_by},
                                      {"acknowledged_at", record.acknowledged_at}});
}

AlertRecord record_of(std::string_view text) {
  AlertRecord out;
  const auto read = parse_json_object(text);
  if (!read) return out;
  const json::object& object = *read;
  out.rule = text_member(object, "rule");
  out.host = text_member(object, "host");
  if (const json::value* const tags = object.if_contains("tags")) out.tags = tags_of(*tags);
  const std::string state = text_member(object, "state");
  out.state = state == "firing" ? AlertState::kFiring : state == "pending" ? AlertState::kPending : AlertState::kOk;
  out.since = integer_member(object, "since");
  out.fired = integer_member(object, "fired");
  out.ended = integer_member(object, "ended");
  out.comparison = static_cast<std::uint32_t>(integer_member(object, "comparison"));
  out.value = std::bit_cast<double>(integer_member(object, "value"));
  out.notified = flag_member(object, "notified");
  out.notified_at = integer_member(object, "notified_at");
  out.first_notified_at = integer_member(object, "first_notified_at");
  out.escalated = flag_member(object, "escalated");
  out.reason = text_member(object, "reason");
  out.evaluated = integer_member(object, "evaluated");
  out.gap = integer_member(object, "gap");
  out.clear_since = integer_member(object, "clear_since");
  out.rule_mark = std::bit_cast<std::uint64_t>(integer_member(object, "rule_mark"));
  out.when = text_member(object, "when");
  out.limit = std::bit_cast<double>(integer_member(object, "limit"));
  for (const Severity one : {Severity::kInfo, Severity::kWarning, Severity::kCritical})
    if (text_member(object, "severity") == severity_name(one)) out.severity = one;
  each_element(object, "channels", [&](const json::value& one) {
    if (one.is_string()) out.channels.emplace_back(one.get_string());
  });
  out.acknowledged_by = text_member(object, "acknowledged_by");
  out.acknowledged_at = integer_member(object, "acknowledged_at");
  return out;
}

}  // namespace

Result<std::unique_ptr<Book>> Book::open(const std::string& path) {
  auto opened = store::Database::open(path, store::Database::Mode::kReadWrite);
  if (!opened) return fail(std::move(opened).error().wrap(path));
  std::unique_ptr<Book> book(new Book(std::move(*opened)));
  if (Status made = book->make_tables(); !made) return fail(std::move(made).error().wrap(path));
  return book;
}

Status Book::make_tables() {
  RESMON_TRY(database_.execute("PRAGMA journal_mode = WAL"));
  RESMON_TRY(database_.execute("PRAGMA synchronous = FULL"));
  return database_.execute(kTables);
}

Result<Book::Kept> Book::load() {
  Kept out;
  RESMON_ASSIGN(store::Statement alerts, database_.prepare("SELECT record FROM state ORDER BY id"));
  while (true) {
    RESMON_ASSIGN(const bool more, alerts.step());
    if (!more) break;
    out.alerts.push_back(record_of(alerts.blob(0)));
  }
  RESMON_ASSIGN(store::Statement mark, database_.prepare("SELECT log, position, samples, received FROM mark"));
  RESMON_ASSIGN(const bool there, mark.step());
  if (there)
    out.mark = Mark{static_cast<std::uint64_t>(mark.integer(0)), static_cast<std::uint64_t>(mark.integer(1)),
                    static_cast<std::uint64_t>(mark.integer(2)), mark.integer(3)};
  return out;
}

Status Book::keep(const Mark& mark, const std::vector<AlertRecord>& alerts, const std::vector<HistoryEntry>& history,
                  const std::vector<Outgoing>& messages, UnixNanos now) {
  store::Transaction transaction(database_);
  RESMON_TRY(transaction.begin());
  RESMON_ASSIGN(
      store::Statement put_mark,
      database_.prepare("INSERT OR REPLACE INTO mark (id, log, position, samples, received) VALUES (1, ?, ?, ?, ?)"));
  put_mark.bind(1, static_cast<std::int64_t>(mark.log)).bind(2, static_cast<std::int64_t>(mark.position));
  put_mark.bind(3, static_cast<std::int64_t>(mark.samples)).bind(4, mark.received);
  RESMON_TRY(put_mark.run());
  RESMON_TRY(database_.execute("DELETE FROM state"));
  RESMON_ASSIGN(store::Statement put_state, database_.prepare("INSERT INTO state (record) VALUES (?)"));
  for (const AlertRecord& record : alerts) {
    const std::string text = record_json(record);
    put_state.bind_text(1, text);
    RESMON_TRY(put_state.run());
  }
  RESMON_ASSIGN(store::Statement put_history,
                database_.prepare("INSERT INTO history (time, rule, host, tags, severity, state, value, value_text, "
                                  "limit_text, since, late, reason, stored) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,0)"));
  for (const HistoryEntry& one : history) {
    const std::string tags = tags_json(one.tags);
    put_history.bind(1, one.time).bind_text(2, one.rule).bind_text(3, one.host).bind_text(4, tags);
    put_history.bind_text(5, one.severity).bind_text(6, one.state).bind(7, std::bit_cast<std::int64_t>(one.value));
    put_history.bind_text(8, one.value_text).bind_text(9, one.limit_text).bind(10, one.since);
    put_history.bind(11, one.late ? 1 : 0).bind_text(12, one.reason);
    RESMON_TRY(put_history.run());
  }
  RESMON_ASSIGN(store::Statement put_message,
                database_.prepare("INSERT INTO outbox (channel, created, next_try, attempts, last_error, message) "
                                  "VALUES (?, ?, 0, 0, '', ?)"));
  for (const Outgoing& one : messages) {
    const std::string text = one.message.to_json();
    put_message.bind_text(1, one.channel).bind(2, now).bind_text(3, text);
    RESMON_TRY(put_message.run());
  }
  if (!history.empty())
    RESMON_TRY(database_.execute("DELETE FROM history WHERE id <= (SELECT MAX(id) FROM history) - " +
                                 std::to_string(kMostHistory)));
  if (!messages.empty()) {
    RESMON_TRY(
        database_.execute("DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id DESC LIMIT -1 OFFSET " +
                          std::to_string(kMostOutbox) + ")"));
    dropped_ += static_cast<std::uint64_t>(database_.changes());
  }
  return transaction.commit();
}

Result<std::vector<OutboxEntry>> Book::due(UnixNanos now, std::size_t most) {
  RESMON_ASSIGN(store::Statement all,
                database_.prepare("SELECT id, channel, created, next_try, attempts, last_error, message FROM outbox "
                                  "WHERE next_try <= ? ORDER BY id LIMIT ?"));
  all.bind(1, now).bind(2, static_cast<std::int64_t>(most));
  std::vector<OutboxEntry> out;
  while (true) {
    RESMON_ASSIGN(const bool more, all.step());
    if (!more) return out;
    out.push_back({all.integer(0), std::string(all.blob(1)), all.integer(2), all.integer(3), all.integer(4),
                   std::string(all.blob(5)), std::string(all.blob(6))});
  }
}

Result<std::int64_t> Book::waiting() {
  return database_.query_integer("SELECT COUNT(*) FROM outbox");
}

Status Book::delivered(const std::vector<std::int64_t>& ids) {
  store::Transaction transaction(database_);
  RESMON_TRY(transaction.begin());
  RESMON_ASSIGN(store::Statement remove, database_.prepare("DELETE FROM outbox WHERE id = ?"));
  for (const std::int64_t id : ids) {
    remove.bind(1, id);
    RESMON_TRY(remove.run());
  }
  return transaction.commit();
}

Status Book::failed(const std::vector<std::int64_t>& ids, UnixNanos next_try, const std::string& reason) {
  store::Transaction transaction(database_);
  RESMON_TRY(transaction.begin());
  RESMON_ASSIGN(
      store::Statement note,
      database_.prepare("UPDATE outbox SET attempts = attempts + 1, next_try = ?, last_error = ? WHERE id = ?"));
  for (const std::int64_t id : ids) {
    note.bind(1, next_try).bind_text(2, reason).bind(3, id);
    RESMON_TRY(note.run());
  }
  return transaction.commit();
}

Result<std::vector<HistoryEntry>> Book::read_history(store::Statement& statement) {
  std::vector<HistoryEntry> out;
  while (true) {
    RESMON_ASSIGN(const bool more, statement.step());
    if (!more) return out;
    HistoryEntry one;
    one.id = statement.integer(0);
    one.time = statement.integer(1);
    one.rule = statement.blob(2);
    one.host = statement.blob(3);
    one.tags = tags_of(parsed(statement.blob(4)));
    one.severity = statement.blob(5);
    one.state = statement.blob(6);
    one.value = std::bit_cast<double>(statement.integer(7));
    one.value_text = statement.blob(8);
    one.limit_text = statement.blob(9);
    one.since = statement.integer(10);
    one.late = statement.integer(11) != 0;
    one.reason = statement.blob(12);
    out.push_back(std::move(one));
  }
}

constexpr std::string_view kHistoryColumns =
    "SELECT id, time, rule, host, tags, severity, state, value, value_text, limit_text, since, late, reason FROM "
    "history ";

Result<std::vector<HistoryEntry>> Book::history(std::int64_t before, std::size_t most, const std::string& host,
                                                const std::string& rule) {
  RESMON_ASSIGN(
      store::Statement all,
      database_.prepare(std::string(kHistoryColumns) +
                        "WHERE id < ? AND (? = '' OR host = ?) AND (? = '' OR rule = ?) ORDER BY id DESC LIMIT ?"));
  all.bind(1, before > 0 ? before : INT64_MAX)
      .bind_text(2, host)
      .bind_text(3, host)
      .bind_text(4, rule)
      .bind_text(5, rule);
  all.bind(6, static_cast<std::int64_t>(most));
  return read_history(all);
}

Result<std::vector<HistoryEntry>> Book::unstored(std::size_t most) {
  RESMON_ASSIGN(store::Statement all,
                database_.prepare(std::string(kHistoryColumns) + "WHERE stored = 0 ORDER BY id LIMIT ?"));
  all.bind(1, static_cast<std::int64_t>(most));
  return read_history(all);
}

Status Book::stored(std::int64_t up_to) {
  RESMON_ASSIGN(store::Statement note, database_.prepare("UPDATE history SET stored = 1 WHERE stored = 0 AND id <= ?"));
  note.bind(1, up_to);
  return note.run();
}

Result<std::vector<Silence>> Book::silences() {
  RESMON_ASSIGN(store::Statement all,
                database_.prepare("SELECT id, hosts, rule, begins, ends, author, reason FROM silence ORDER BY id"));
  std::vector<Silence> out;
  while (true) {
    RESMON_ASSIGN(const bool more, all.step());
    if (!more) return out;
    out.push_back({all.integer(0), std::string(all.blob(1)), std::string(all.blob(2)), all.integer(3), all.integer(4),
                   std::string(all.blob(5)), std::string(all.blob(6))});
  }
}

Result<std::int64_t> Book::add_silence(const Silence& silence) {
  RESMON_ASSIGN(const std::int64_t there, database_.query_integer("SELECT COUNT(*) FROM silence"));
  if (there >= static_cast<std::int64_t>(kMostSilences))
    return fail(ErrorKind::kLimit, "at most 1000 silences are possible; end some first");
  RESMON_ASSIGN(
      store::Statement put,
      database_.prepare("INSERT INTO silence (hosts, rule, begins, ends, author, reason) VALUES (?,?,?,?,?,?)"));
  put.bind_text(1, silence.hosts).bind_text(2, silence.rule).bind(3, silence.begins).bind(4, silence.ends);
  put.bind_text(5, silence.author).bind_text(6, silence.reason);
  RESMON_TRY(put.run());
  return database_.last_id();
}

Result<bool> Book::end_silence(std::int64_t id, UnixNanos now) {
  RESMON_ASSIGN(store::Statement end, database_.prepare("UPDATE silence SET ends = ? WHERE id = ? AND ends > ?"));
  end.bind(1, now).bind(2, id).bind(3, now);
  RESMON_TRY(end.run());
  return database_.changes() > 0;
}

Status Book::forget_silences(UnixNanos ended_before) {
  RESMON_ASSIGN(store::Statement remove, database_.prepare("DELETE FROM silence WHERE ends < ?"));
  remove.bind(1, ended_before);
  return remove.run();
}

}  // namespace resmon::alert
