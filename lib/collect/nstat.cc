// The kernel's counters of IP, ICMP, TCP and UDP, under Telegraf's names: the protocol and the counter. Kernels differ
// in what they count, so the fields are what the files name; one that appears later (IcmpMsg's) is added.
//
// Most of some 250 counters stay 0. These are written every tenth minute only, so that a query for one finds it; a
// counter that was ever above 0 is written each time.

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "collect/collectors.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/sources.h"
#include "procfs/net_counters.h"

namespace resmon::collect {

namespace {

constexpr std::size_t kMostCounters = 512;     // of a file; further ones are left out, which the log says
constexpr std::uint64_t kWithZerosEvery = 20;  // gathers
constexpr std::size_t kNowhere = SIZE_MAX;

struct CounterFile {
  struct Column {
    std::string name;  // "TcpInSegs"
    bool wanted;       // by the filter
    std::size_t field;
    bool was_above_zero = false;
  };

  CounterFile(const std::string& path, std::string n) : file(path, PinnedFile::Records::kOne), name(std::move(n)) {}

  PinnedFile file;
  std::string name;  // the tag's
  std::vector<Column> columns;
  std::optional<RowSchema> schema;
};

bool is_named(const std::string& name, const procfs::ProtocolCounter& counter) {
  const std::string_view whole = name;
  return whole.size() == counter.protocol.size() + counter.name.size() && whole.starts_with(counter.protocol) &&
         whole.ends_with(counter.name);
}

class Nstat final : public Collector {
 public:
  Nstat(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas, Shared& shared)
      : filter_(options.filter), schemas_(schemas), shared_(shared) {
    const std::string net = roots.proc + (roots.own_proc() ? "/net/" : "/1/net/");
    for (const char* name : {"snmp", "netstat"}) files_.emplace_back(net + name, name);
  }

  Status gather(const GatherContext& context, metric::Batch& out) override {
    Sources sources(context);
    const bool with_zeros = gathers_ < 2 || gathers_ % kWithZerosEvery == 0;  // a client's first reading is not sent
    ++gathers_;
    for (CounterFile& file : files_) {
      if (file.file.missing()) continue;  // a machine without a network
      if (!sources.read(file.file, shared_.buffer(), [&](std::string_view text, procfs::Skipped& skipped) {
            return procfs::parse_protocol_counters(text, counters_, skipped);
          }))
        continue;
      place(file, context);
      if (!file.schema) continue;
      RESMON_TRY(file.schema->ready());
      write(file, with_zeros, context, out);
    }
    return sources.finish();
  }

 private:
  void write(CounterFile& file, bool with_zeros, const GatherContext& context, metric::Batch& out) {
    std::optional<metric::RowWriter> row;
    for (std::size_t i = 0; i < counters_.size(); ++i) {
      if (places_[i] == kNowhere || !counters_[i].value) continue;
      CounterFile::Column& column = file.columns[places_[i]];
      column.was_above_zero = column.was_above_zero || *counters_[i].value != 0;
      if (!column.wanted || (!column.was_above_zero && !with_zeros)) continue;
      if (!row) row.emplace(file.schema->add(out, context.time));
      row->set(column.field, clip(*counters_[i].value));
    }
  }

  // Finds the column of each counter, and makes one for what is new.
  void place(CounterFile& file, const GatherContext& context) {
    places_.clear();
    const std::size_t before = file.columns.size();
    std::size_t next = 0;
    for (const procfs::ProtocolCounter& counter : counters_) {
      for (std::size_t i = 0; i < before && !(next < before && is_named(file.columns[next].name, counter)); ++i)
        next = next + 1 < before ? next + 1 : 0;
      if (next < before && is_named(file.columns[next].name, counter)) {
        places_.push_back(next++);
      } else if (file.columns.size() < kMostCounters) {
        std::string name = std::string(counter.protocol) + std::string(counter.name);
        const bool wanted = filter_.matches(name);
        file.columns.push_back({std::move(name), wanted, 0});
        places_.push_back(file.columns.size() - 1);
      } else {
        places_.push_back(kNowhere);
        context.tell(file.file.path(), "more than 512 counters: the rest is left out");
      }
    }
    if (file.columns.size() == before) return;
    std::vector<FieldSpec> fields;
    for (CounterFile::Column& column : file.columns) {
      column.field = fields.size();
      if (column.wanted) fields.push_back({column.name, kInteger});
    }
    if (!fields.empty()) file.schema.emplace(schemas_, "nstat", std::vector<metric::Tag>{{"name", file.name}}, fields);
  }

  Filter filter_;
  metric::SchemaTable& schemas_;
  Shared& shared_;
  std::vector<CounterFile> files_;
  std::vector<procfs::ProtocolCounter> counters_;  // of one file at a time
  std::vector<std::size_t> places_;                // of the counters in the file's columns
  std::uint64_t gathers_ = 0;
};

}  // namespace

std::unique_ptr<Collector> make_nstat(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas,
                                      Shared& shared) {
  return std::make_unique<Nstat>(roots, options, schemas, shared);
}

}  // namespace resmon::collect
