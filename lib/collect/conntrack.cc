// The table of connections that the packet filter tracks: how full it is, and what happened to entries, of all CPUs
// together. Nothing where the kernel module is not loaded. Names and types are Telegraf's, which calls the first two
// ip_… whatever the kernel calls them, and has them as floats.

#include <unistd.h>

#include "collect/collectors.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/sources.h"
#include "procfs/load.h"
#include "procfs/net_counters.h"

namespace resmon::collect {

namespace {

constexpr FieldSpec kTableFields[] = {{"ip_conntrack_count", kFloat}, {"ip_conntrack_max", kFloat}};
// As the columns of /proc/net/stat/nf_conntrack; those that newer kernels have something else in are left out.
constexpr FieldSpec kStatFields[] = {{"entries", kInteger},
                                     {"", kInteger},
                                     {"found", kInteger},
                                     {"", kInteger},
                                     {"invalid", kInteger},
                                     {"", kInteger},
                                     {"", kInteger},
                                     {"", kInteger},
                                     {"insert", kInteger},
                                     {"insert_failed", kInteger},
                                     {"drop", kInteger},
                                     {"early_drop", kInteger},
                                     {"icmp_error", kInteger},
                                     {"expect_new", kInteger},
                                     {"expect_create", kInteger},
                                     {"expect_delete", kInteger},
                                     {"search_restart", kInteger}};

std::vector<FieldSpec> named_fields() {
  std::vector<FieldSpec> fields;
  for (const FieldSpec& field : kStatFields)
    if (!field.name.empty()) fields.push_back(field);
  return fields;
}

class Conntrack final : public Collector {
 public:
  Conntrack(const Roots& roots, metric::SchemaTable& schemas, Shared& shared)
      : shared_(shared),
        table_(schemas, "conntrack", {}, kTableFields),
        statistics_(schemas, "conntrack", {{"cpu", "all"}}, named_fields()),
        count_(roots.proc + "/sys/net/netfilter/nf_conntrack_count", PinnedFile::Records::kLine),
        most_(roots.proc + "/sys/net/netfilter/nf_conntrack_max", PinnedFile::Records::kLine),
        stat_(roots.proc + (roots.own_proc() ? "/net/stat/nf_conntrack" : "/1/net/stat/nf_conntrack"),
              PinnedFile::Records::kShort) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    RESMON_TRY(table_.ready());
    RESMON_TRY(statistics_.ready());
    Sources sources(context);
    procfs::Number numbers[2];
    read_number(sources, count_, numbers[0]);
    read_number(sources, most_, numbers[1]);
    if (numbers[0] || numbers[1]) {
      metric::RowWriter row = table_.add(out, context.time);
      for (std::size_t field = 0; field < 2; ++field)
        if (numbers[field]) row.set(field, static_cast<double>(*numbers[field]));
    }
    if (stat_.missing()) return sources.finish();
    if (::access(stat_.path().c_str(), R_OK) != 0) {  // some kernels show it to root only
      context.tell(stat_.path(), "may not be read: no counters of tracked connections");
      return sources.finish();
    }
    procfs::Number columns[std::size(kStatFields)];
    procfs::Number entries;
    if (!sources.read(stat_, shared_.buffer(), [&](std::string_view text, procfs::Skipped& skipped) {
          return procfs::sum_cpu_columns(text, "entries", columns, entries, skipped);
        }))
      return sources.finish();
    columns[0] = entries;  // the table's, on each CPU's line
    metric::RowWriter row = statistics_.add(out, context.time);
    std::size_t field = 0;
    for (std::size_t column = 0; column < std::size(kStatFields); ++column)
      if (!kStatFields[column].name.empty()) set(row, field++, columns[column]);
    return sources.finish();
  }

 private:
  void read_number(Sources& sources, PinnedFile& file, procfs::Number& out) {
    if (file.missing()) return;
    sources.read(file, shared_.buffer(), [&](std::string_view text, procfs::Skipped& skipped) {
      return procfs::parse_numbers(text, {&out, 1}, skipped);
    });
  }

  Shared& shared_;
  RowSchema table_;
  RowSchema statistics_;
  PinnedFile count_;
  PinnedFile most_;
  PinnedFile stat_;
};

}  // namespace

std::unique_ptr<Collector> make_conntrack(const Roots& roots, const CollectorOptions&, metric::SchemaTable& schemas,
                                          Shared& shared) {
  return std::make_unique<Conntrack>(roots, schemas, shared);
}

}  // namespace resmon::collect
