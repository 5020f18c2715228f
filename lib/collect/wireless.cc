// Wireless links, as Telegraf's wireless has them. Nothing where the kernel has no such file.

#include <string>
#include <vector>

#include "collect/collectors.h"
#include "collect/entity_table.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/sources.h"
#include "procfs/wireless.h"

namespace resmon::collect {

namespace {

enum WirelessField : std::size_t {
  kWirelessStatus,
  kLinkQuality,
  kLevel,
  kNoise,
  kNwid,
  kCrypt,
  kFragment,
  kRetry,
  kMisc,
  kBeacon
};
constexpr FieldSpec kWirelessFields[] = {
    {"status", kInteger}, {"link", kInteger}, {"level", kInteger}, {"noise", kInteger}, {"nwid", kInteger},
    {"crypt", kInteger},  {"frag", kInteger}, {"retry", kInteger}, {"misc", kInteger},  {"beacon", kInteger}};

class Wireless final : public Collector {
 public:
  Wireless(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas, Shared& shared)
      : filter_(options.filter),
        schemas_(schemas),
        shared_(shared),
        file_(roots.proc + (roots.own_proc() ? "/net/wireless" : "/1/net/wireless"), PinnedFile::Records::kShort) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    if (file_.missing()) return {};
    Sources sources(context);
    read_.clear();
    sources.read(file_, shared_.buffer(), [&](std::string_view text, procfs::Skipped& skipped) {
      return procfs::parse_wireless(text, read_, skipped);
    });
    known_.begin();
    for (const procfs::WirelessLink& link : read_) {
      if (!filter_.matches(link.name)) continue;
      const RowSchema* schema = known_.get(link.name, [&] {
        return RowSchema(schemas_, "wireless", {{"interface", std::string(link.name)}}, kWirelessFields);
      });
      if (schema == nullptr) continue;
      RESMON_TRY(schema->ready());
      metric::RowWriter row = schema->add(out, context.time);
      set(row, kWirelessStatus, link.status);
      const auto put = [&](WirelessField field, procfs::SignedNumber value) {
        if (value) row.set(field, *value);
      };
      put(kLinkQuality, link.link);
      put(kLevel, link.level);
      put(kNoise, link.noise);
      set(row, kNwid, link.discarded_nwid);
      set(row, kCrypt, link.discarded_crypt);
      set(row, kFragment, link.discarded_fragment);
      set(row, kRetry, link.discarded_retry);
      set(row, kMisc, link.discarded_misc);
      set(row, kBeacon, link.missed_beacons);
    }
    known_.end();
    return sources.finish();
  }

 private:
  Filter filter_;
  metric::SchemaTable& schemas_;
  Shared& shared_;
  PinnedFile file_;
  std::vector<procfs::WirelessLink> read_;
  EntityTable<RowSchema> known_;
};

}  // namespace

std::unique_ptr<Collector> make_wireless(const Roots& roots, const CollectorOptions& options,
                                         metric::SchemaTable& schemas, Shared& shared) {
  return std::make_unique<Wireless>(roots, options, schemas, shared);
}

}  // namespace resmon::collect
