#include "collect/collectors.h"
#include "collect/row_schema.h"
#include "collect/shared.h"

namespace resmon::collect {

namespace {

// The fields that are one line of /proc/meminfo, then those that are made of several.
struct Plain {
  FieldSpec field;
  procfs::Number procfs::MemInfo::*member;
};
constexpr Plain kPlain[] = {
    {{"total", kInteger}, &procfs::MemInfo::total},
    {{"free", kInteger}, &procfs::MemInfo::free},
    {{"active", kInteger}, &procfs::MemInfo::active},
    {{"inactive", kInteger}, &procfs::MemInfo::inactive},
    {{"buffered", kInteger}, &procfs::MemInfo::buffers},
    {{"commit_limit", kInteger}, &procfs::MemInfo::commit_limit},
    {{"committed_as", kInteger}, &procfs::MemInfo::committed_as},
    {{"dirty", kInteger}, &procfs::MemInfo::dirty},
    {{"high_free", kInteger}, &procfs::MemInfo::high_free},
    {{"high_total", kInteger}, &procfs::MemInfo::high_total},
    {{"huge_page_size", kInteger}, &procfs::MemInfo::huge_page_size},
    {{"huge_pages_free", kInteger}, &procfs::MemInfo::huge_pages_free},
    {{"huge_pages_total", kInteger}, &procfs::MemInfo::huge_pages_total},
    {{"low_free", kInteger}, &procfs::MemInfo::low_free},
    {{"low_total", kInteger}, &procfs::MemInfo::low_total},
    {{"mapped", kInteger}, &procfs::MemInfo::mapped},
    {{"page_tables", kInteger}, &procfs::MemInfo::page_tables},
    {{"shared", kInteger}, &procfs::MemInfo::shared},
    {{"slab", kInteger}, &procfs::MemInfo::slab},
    {{"sreclaimable", kInteger}, &procfs::MemInfo::slab_reclaimable},
    {{"sunreclaim", kInteger}, &procfs::MemInfo::slab_unreclaimable},
    {{"swap_cached", kInteger}, &procfs::MemInfo::swap_cached},
    {{"swap_free", kInteger}, &procfs::MemInfo::swap_free},
    {{"swap_total", kInteger}, &procfs::MemInfo::swap_total},
    {{"vmalloc_chunk", kInteger}, &procfs::MemInfo::vmalloc_chunk},
    {{"vmalloc_total", kInteger}, &procfs::MemInfo::vmalloc_total},
    {{"vmalloc_used", kInteger}, &procfs::MemInfo::vmalloc_used},
    {{"write_back", kInteger}, &procfs::MemInfo::write_back},
    {{"write_back_tmp", kInteger}, &procfs::MemInfo::write_back_tmp},
};
constexpr FieldSpec kMade[] = {
    {"available", kInteger},       {"used", kInteger}, {"cached", kInteger}, {"used_percent", kFloat},
    {"available_percent", kFloat},
};

std::vector<FieldSpec> mem_fields() {
  std::vector<FieldSpec> fields;
  for (const Plain& plain : kPlain) fields.push_back(plain.field);
  fields.insert(fields.end(), std::begin(kMade), std::end(kMade));
  return fields;
}

class Mem final : public Collector {
 public:
  Mem(metric::SchemaTable& schemas, Shared& shared) : shared_(shared), schema_(schemas, "mem", {}, mem_fields()) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    RESMON_TRY(schema_.ready());
    RESMON_ASSIGN(const procfs::MemInfo* info, shared_.mem_info(context));
    procfs::Number cached;
    if (info->cached && info->slab_reclaimable) cached = *info->cached + *info->slab_reclaimable;
    procfs::Number available = info->available;
    // Before Linux 3.14 the kernel did not say what is available; free(1) of that time called these so.
    if (info->lacks_available && info->free && info->buffers && cached)
      available = *info->free + *info->buffers + *cached;
    procfs::Number used;
    if (available && info->total) {
      available = std::min(*available, *info->total);
      used = *info->total - *available;
    }

    metric::RowWriter row = schema_.add(out, context.time);
    std::size_t field = 0;
    for (const Plain& plain : kPlain) set(row, field++, info->*(plain.member));
    set(row, field++, available);
    set(row, field++, used);
    set(row, field++, cached);
    if (!used) return {};
    row.set(field++, percent(*used, *info->total));
    row.set(field++, percent(*available, *info->total));
    return {};
  }

 private:
  Shared& shared_;
  RowSchema schema_;
};

}  // namespace

std::unique_ptr<Collector> make_mem(const Roots&, const CollectorOptions&, metric::SchemaTable& schemas,
                                    Shared& shared) {
  return std::make_unique<Mem>(schemas, shared);
}

}  // namespace resmon::collect
