#include "collect/collectors.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/sources.h"
#include "procfs/load.h"

namespace resmon::collect {

namespace {

constexpr FieldSpec kSysctlFields[] = {{"file-nr", kInteger},       {"file-max", kInteger}, {"inode-nr", kInteger},
                                       {"inode-free-nr", kInteger}, {"aio-nr", kInteger},   {"aio-max-nr", kInteger}};

// One file: how many numbers it has, and where each goes (-1: nowhere).
struct Source {
  PinnedFile file;
  std::vector<int> fields;
};

class LinuxSysctlFs final : public Collector {
 public:
  LinuxSysctlFs(const Roots& roots, metric::SchemaTable& schemas, Shared& shared)
      : shared_(shared), schema_(schemas, "linux_sysctl_fs", {}, kSysctlFields) {
    const auto add = [&](const char* name, std::vector<int> fields) {
      sources_.push_back({PinnedFile(roots.proc + "/sys/fs/" + name, PinnedFile::Records::kLine), std::move(fields)});
    };
    add("file-nr", {0, -1, 1});  // in use, free (always 0 since Linux 2.6), the most
    add("inode-nr", {2, 3});
    add("aio-nr", {4});
    add("aio-max-nr", {5});
  }

  Status gather(const GatherContext& context, metric::Batch& out) override {
    RESMON_TRY(schema_.ready());
    Sources sources(context);
    procfs::Number values[std::size(kSysctlFields)];
    bool any = false;
    bool any_file = false;
    for (Source& source : sources_) {
      if (source.file.missing()) continue;  // a kernel built without a part has no file for it (aio)
      any_file = true;
      procfs::Number numbers[3];
      const std::span wanted(numbers, source.fields.size());
      if (!sources.read(source.file, shared_.buffer(), [&](std::string_view text, procfs::Skipped& skipped) {
            return procfs::parse_numbers(text, wanted, skipped);
          }))
        continue;
      for (std::size_t i = 0; i < source.fields.size(); ++i) {
        if (source.fields[i] < 0) continue;
        values[static_cast<std::size_t>(source.fields[i])] = numbers[i];
        any = any || numbers[i];
      }
    }
    if (any) {
      metric::RowWriter row = schema_.add(out, context.time);
      for (std::size_t field = 0; field < std::size(kSysctlFields); ++field) set(row, field, values[field]);
    }
    if (!any_file) return fail(ErrorKind::kNotFound, sources_.front().file.path() + ": no such file");
    return sources.finish();
  }

 private:
  Shared& shared_;
  RowSchema schema_;
  std::vector<Source> sources_;
};

}  // namespace

std::unique_ptr<Collector> make_linux_sysctl_fs(const Roots& roots, const CollectorOptions&,
                                                metric::SchemaTable& schemas, Shared& shared) {
  return std::make_unique<LinuxSysctlFs>(roots, schemas, shared);
}

}  // namespace resmon::collect
