#include "collect/collectors.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "procfs/load.h"

namespace resmon::collect {

namespace {

constexpr FieldSpec kFields[] = {{"file-nr", kInteger},       {"file-max", kInteger}, {"inode-nr", kInteger},
                                 {"inode-free-nr", kInteger}, {"aio-nr", kInteger},   {"aio-max-nr", kInteger}};

// One file: how many numbers it has, and where each goes (-1: nowhere).
struct Source {
  PinnedFile file;
  std::vector<int> fields;
};

class LinuxSysctlFs final : public Collector {
 public:
  LinuxSysctlFs(const Roots& roots, metric::SchemaTable& schemas, Shared& shared)
      : shared_(shared), schema_(schemas, "linux_sysctl_fs", {}, kFields) {
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
    std::int64_t values[std::size(kFields)] = {};
    bool present[std::size(kFields)] = {};
    Status status;
    bool any = false;
    for (Source& source : sources_) {
      if (source.file.missing()) continue;  // a kernel built without a part has no file for it (aio)
      auto text = source.file.read(shared_.buffer());
      if (!text) {
        status = fail(std::move(text).error());
        continue;
      }
      std::uint64_t numbers[3] = {};
      const std::span wanted(numbers, source.fields.size());
      if (auto parsed = in_file(source.file.path(), procfs::parse_numbers(*text, wanted)); !parsed) {
        status = std::move(parsed);
        continue;
      }
      for (std::size_t i = 0; i < source.fields.size(); ++i) {
        if (source.fields[i] < 0) continue;
        const auto field = static_cast<std::size_t>(source.fields[i]);
        values[field] = clip(numbers[i]);
        present[field] = any = true;
      }
    }
    if (any) {
      metric::RowWriter row = schema_.add(out, context.time);
      for (std::size_t field = 0; field < std::size(kFields); ++field)
        if (present[field]) row.set(field, values[field]);
    }
    if (!any && status) return fail(ErrorKind::kNotFound, sources_.front().file.path() + ": no such file");
    return status;
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
