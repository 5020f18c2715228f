#pragma once

// Alerts as JSON and as rows of the store, and queries to the store for alerts.

#include <atomic>
#include <string>
#include <vector>

#include "alert/book.h"
#include "alert/engine.h"
#include "alert/notifier.h"
#include "alert_replay.h"
#include "json.h"
#include "store/reader.h"

namespace resmon::server {

std::string alert_to_json(const alert::AlertRecord& record, const alert::Rule& rule, const alert::MessageItem& item,
                          bool unknown, const std::string& held_by);
std::string history_to_json(const alert::HistoryEntry& entry);
std::string json_texts(const std::vector<std::string>& all);  // an array
// Whether series with the fields of its condition are stored, whatever their tags.
bool has_data(const alert::Rule& rule, const store::Reader& store);
std::string rule_to_json(const alert::Rule& rule, const alert::Config& config, bool data);
std::string replayed_to_json(const ReplayedAlert& one);
// What a replay counted, without its alerts.
JsonObject replay_to_json(const Replay& replay, const store::TimeRange& range);
std::string silence_to_json(const alert::Silence& silence, UnixNanos now);

// A row of the measurement `alert`: tags host, rule, severity and the series' own; fields state, state_code, value,
// text.
void add_alert_row(metric::Batch& batch, metric::SchemaTable& schemas, const alert::HistoryEntry& entry);

// The page's view of the alert's host around its beginning; empty without an address of the page.
std::string alert_link(const std::string& public_url, const alert::AlertRecord& record);
// The values of the rule's first field in the hour before `now`, as 30 means at most.
std::vector<double> recent_values(const store::Reader& store, const alert::AlertRecord& record, const alert::Rule& rule,
                                  UnixNanos now);
// The three processes with the most CPU time of the last minutes, where the host reports `procstat`.
std::vector<std::string> largest_processes(const store::Reader& store, const alert::AlertRecord& record, UnixNanos now);
// Fills forecasts from the store's hours, and windows from its rows, up to `now`; how many values. At most `most`.
// `host`: only of this one, or of the server of this name; empty: of all.
std::size_t seed_engine(alert::Engine& engine, const store::Reader& store, UnixNanos now, std::size_t most,
                        const std::atomic<bool>& stopping, std::string_view host = {});

}  // namespace resmon::server
