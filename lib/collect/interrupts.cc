// Interrupts by line, summed over all CPUs, and soft interrupts. Telegraf has a field for each CPU, which would be
// hundreds of fields a row on a large machine.
//
// A line has a row after its first interrupt. Machines with many queues have thousands of lines: the first 256 have
// rows, and the others are summed in the row `other`.

#include <optional>
#include <string>
#include <vector>

#include "collect/collectors.h"
#include "collect/entity_table.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/sources.h"
#include "procfs/interrupts.h"

namespace resmon::collect {

namespace {

constexpr std::size_t kMostInterruptRows = 256;  // of a file
constexpr FieldSpec kInterruptFields[] = {{"total", kInteger}};

// With one blank where there are several.
std::string with_single_blanks(std::string_view text) {
  std::string out;
  procfs::Fields fields(text);
  for (std::string_view word; fields.word(word);) out += (out.empty() ? "" : " ") + std::string(word);
  return out;
}

struct InterruptLine {
  std::string description;
  bool wanted = false;              // by the filter
  std::optional<RowSchema> schema;  // none of those that are in `other`
};

class InterruptFile {
 public:
  InterruptFile(const std::string& path, std::string_view measurement, metric::SchemaTable& schemas)
      : file(path, PinnedFile::Records::kUnknown),
        measurement_(measurement),
        schemas_(schemas),
        other_(schemas, measurement_, {{"irq", "other"}}, kInterruptFields) {}

  PinnedFile file;

  Status write(const std::vector<procfs::Interrupt>& all, const Filter& filter, const GatherContext& context,
               metric::Batch& out) {
    RESMON_TRY(other_.ready());
    std::uint64_t other = 0;
    std::size_t rows = 0;
    lines_.begin();
    for (const procfs::Interrupt& one : all) {
      if (one.total == 0) continue;
      InterruptLine* line = lines_.get(one.name, [&] { return make(one, filter.matches(one.name)); });
      if (line == nullptr) {
        context.skipped(file.path(), "given twice", one.name);
        continue;
      }
      if (!line->wanted) continue;
      // Another driver has the number now.
      if (line->schema && line->description != one.description) {
        --rows_;
        *line = make(one, true);
      }
      if (!line->schema) {
        other += one.total;
        continue;
      }
      ++rows;
      RESMON_TRY(line->schema->ready());
      metric::RowWriter row = line->schema->add(out, context.time);
      row.set(0, clip(one.total));
    }
    lines_.end();
    rows_ = rows;
    if (other != 0) {
      metric::RowWriter row = other_.add(out, context.time);
      row.set(0, clip(other));
    }
    return {};
  }

 private:
  // Telegraf's tags: a numbered line's type is the first word of its description and its device the rest; of others
  // all of it is the type.
  InterruptLine make(const procfs::Interrupt& one, bool wanted) {
    if (!wanted || rows_ >= kMostInterruptRows) return {{}, wanted, std::nullopt};
    ++rows_;
    std::string type = with_single_blanks(one.description);
    std::string device;
    if (one.name.find_first_not_of("0123456789") == std::string_view::npos) {
      const std::size_t blank = type.find(' ');
      if (blank != std::string::npos) device = type.substr(blank + 1);
      type = type.substr(0, blank);
    }
    return {std::string(one.description), true,
            RowSchema(schemas_, measurement_, {{"irq", std::string(one.name)}, {"type", type}, {"device", device}},
                      kInterruptFields)};
  }

  const std::string measurement_;
  metric::SchemaTable& schemas_;
  RowSchema other_;
  EntityTable<InterruptLine> lines_;
  std::size_t rows_ = 0;  // lines that have one
};

class Interrupts final : public Collector {
 public:
  Interrupts(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas, Shared& shared)
      : filter_(options.filter), shared_(shared) {
    files_.emplace_back(roots.proc + "/interrupts", "interrupts", schemas);
    files_.emplace_back(roots.proc + "/softirqs", "soft_interrupts", schemas);
  }

  Status gather(const GatherContext& context, metric::Batch& out) override {
    Sources sources(context);
    for (InterruptFile& file : files_) {
      if (file.file.missing()) continue;  // some containers and kernels have none
      if (!sources.read(file.file, shared_.buffer(), [&](std::string_view text, procfs::Skipped& skipped) {
            return procfs::parse_interrupts(text, read_, skipped);
          }))
        continue;
      RESMON_TRY(file.write(read_, filter_, context, out));
    }
    return sources.finish();
  }

 private:
  Filter filter_;
  Shared& shared_;
  std::vector<InterruptFile> files_;
  std::vector<procfs::Interrupt> read_;  // of one file at a time
};

}  // namespace

std::unique_ptr<Collector> make_interrupts(const Roots& roots, const CollectorOptions& options,
                                           metric::SchemaTable& schemas, Shared& shared) {
  return std::make_unique<Interrupts>(roots, options, schemas, shared);
}

}  // namespace resmon::collect
