// The hot paths of client and server, each alone, for `./resmon test speed`, which counts their instructions.
//
// bench-paths            lists the paths
// bench-paths NAME       prepares what the path NAME needs and runs it once to warm up, then once more in
//                        measured_path(), which is the function to count
//
// The work is the same in each run: fixed seeds, fixed times, nothing of this machine.

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/log.h"
#include "lineproto/decoder.h"
#include "lineproto/encoder.h"
#include "logs/block.h"
#include "procfs/pid_stat.h"
#include "simulate/host_model.h"
#include "store/chunk.h"
#include "store/head.h"
#include "tail/parse.h"
#include "wire/frame.h"
#include "wire/samples.h"

namespace {

using namespace resmon;
constexpr UnixNanos kSecond = 1'000'000'000;
constexpr UnixNanos kBegin = 1'700'000'000 * kSecond;
constexpr int kGathers = 60;

void check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "bench-paths: %s failed\n", what);
  std::exit(1);
}

// A host's gathers, each 5 s.
class Gathers {
 public:
  Gathers() {
    simulate::HostModel model(1, simulate::Profile::kNormal, schemas);
    for (int i = 0; i < kGathers; ++i) model.gather(kBegin + i * 5 * kSecond, batches.emplace_back());
  }
  metric::SchemaTable schemas;
  std::vector<metric::Batch> batches;
};

using Path = std::function<void()>;

Path wire_encode() {
  auto gathers = std::make_shared<Gathers>();
  return [gathers] {
    wire::SampleEncoder encoder(gathers->schemas);
    std::string out;
    std::uint64_t sequence = 0;
    for (const metric::Batch& batch : gathers->batches) {
      const std::array one{&batch};
      out.clear();
      encoder.encode(++sequence, one, out);
    }
  };
}

Path wire_decode() {
  Gathers gathers;
  wire::SampleEncoder encoder(gathers.schemas);
  std::string frames;
  std::uint64_t sequence = 0;
  for (const metric::Batch& batch : gathers.batches) {
    const std::array one{static_cast<const metric::Batch*>(&batch)};
    encoder.encode(++sequence, one, frames);
  }
  return [frames] {
    metric::SchemaTable schemas;
    wire::SampleDecoder decoder({}, [&](metric::Schema schema) { return schemas.intern(std::move(schema)); });
    wire::FrameReader reader(wire::kMaxFrameBytes);
    reader.append(frames);
    metric::Batch batch;
    std::uint64_t batches = 0;
    const auto take = [&](std::uint64_t, metric::Batch&) {
      ++batches;
      return Status();
    };
    for (auto frame = reader.next(); frame && *frame; frame = reader.next()) {
      const bool schema = static_cast<wire::FrameType>((*frame)->type) == wire::FrameType::kSchema;
      check(!!(schema ? decoder.decode_schema((*frame)->payload)
                      : decoder.decode_samples((*frame)->payload, batch, take)),
            "decoding");
    }
    check(batches == kGathers, "decoding all");
  };
}

Path journal_append() {
  auto gathers = std::make_shared<Gathers>();
  return [gathers] {
    const std::string directory =
        std::filesystem::temp_directory_path() / ("bench-paths-" + std::to_string(::getpid()));
    ingest::LogOptions options;
    options.directory = directory;
    options.sync = journal::Sync::kOff;
    auto log = ingest::Log::open(options, gathers->schemas);
    check(!!log, "opening a journal");
    for (const metric::Batch& batch : gathers->batches) check(!!(*log)->append(batch, kBegin), "appending");
    log->reset();
    std::filesystem::remove_all(directory);
  };
}

// What a chunk is made of: counters, gauges with two decimals, percentages that stand still.
store::Rows chunk_rows() {
  store::Rows rows;
  std::uint64_t random = 1;
  const auto next = [&] { return (random = random * 6364136223846793005U + 1442695040888963407U) >> 33U; };
  for (int i = 0; i < 2'000; ++i) rows.times.push_back(kBegin + i * 5 * kSecond);
  for (store::ColumnId id = 0; id < 12; ++id) {
    store::RowColumn column;
    column.id = id;
    column.type = id % 3 == 0 ? metric::FieldType::kInteger : metric::FieldType::kFloat;
    std::int64_t value = 1'000;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (id % 3 == 2) value = next() % 50 == 0 ? static_cast<std::int64_t>(next() % 100) : value;
      if (id % 3 != 2) value += static_cast<std::int64_t>(next() % 2'000);
      column.cells.push_back(column.type == metric::FieldType::kInteger
                                 ? metric::cell_of(value)
                                 : metric::cell_of(static_cast<double>(value) / 100));
    }
    column.presence.assign((rows.size() + 63) / 64, ~std::uint64_t{0});
    column.presence.back() >>= (64 - rows.size() % 64) % 64;
    rows.columns.push_back(std::move(column));
  }
  return rows;
}

Path chunk_encode() {
  return [rows = chunk_rows()] { check(!store::encode_chunk(rows).empty(), "sealing"); };
}

Path chunk_decode() {
  return [bytes = store::encode_chunk(chunk_rows())] {
    const auto reader = store::ChunkReader::open(bytes);
    check(reader && reader->rows(), "reading a chunk");
  };
}

void fill(store::Head& head, const store::Rows& rows) {
  for (const store::RowColumn& column : rows.columns) head.slot(column.id, column.type);
  store::Head::Scratch scratch;
  store::SlotRow row;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    row.begin(rows.columns.size(), {});
    for (std::size_t slot = 0; slot < rows.columns.size(); ++slot) row.set(slot, rows.columns[slot].cells[i]);
    head.add(rows.times[i], row, scratch);
  }
}

Path head_append() {
  return [rows = chunk_rows()] {
    store::Head head;
    fill(head, rows);
  };
}

// One column of many rows, as a query wants it; times over so that there is something to count.
Path head_read() {
  auto head = std::make_shared<store::Head>();
  const store::Rows rows = chunk_rows();
  fill(*head, rows);
  return [head, rows] {
    for (int i = 0; i < 30; ++i) {
      const std::vector<store::ColumnId> wanted{rows.columns[static_cast<std::size_t>(i) % rows.columns.size()].id};
      check(head->copy({}, &wanted).size() == rows.size(), "reading a head");
    }
  };
}

std::string influx_lines() {
  Gathers gathers;
  lineproto::LineEncoder encoder(gathers.schemas);
  std::string lines;
  for (const metric::Batch& batch : gathers.batches) encoder.append(batch, lines);
  return lines;
}

Path line_decode() {
  return [lines = influx_lines()] {
    metric::SchemaTable schemas;
    lineproto::LineDecoder decoder(schemas);
    metric::Batch out;
    check(decoder.decode(lines, {}, out).refused_lines == 0, "reading lines");
  };
}

Path line_encode() {
  auto gathers = std::make_shared<Gathers>();
  return [gathers] {
    lineproto::LineEncoder encoder(gathers->schemas);
    std::string lines;
    for (const metric::Batch& batch : gathers->batches) encoder.append(batch, lines);
    check(!lines.empty(), "writing lines");
  };
}

std::vector<std::string> log_texts() {
  std::vector<std::string> texts;
  for (int i = 0; i < 3'000; ++i) {
    const std::string n = std::to_string(i * 7 % 1'000);
    switch (i % 4) {
      case 0:
        texts.push_back("Nov 29 12:00:0" + std::to_string(i % 10) + " web1 sshd[" + n +
                        "]: Failed password for invalid user admin from 10.0.0." + std::to_string(i % 250) + " port " +
                        n);
        break;
      case 1:
        texts.push_back("2026-11-29T12:00:00." + std::to_string(100'000 + i) + "Z ERROR api.db query took " + n +
                        " ms");
        break;
      case 2:
        texts.push_back(R"({"time":"2026-11-29T12:00:00Z","level":"warn","msg":"retry )" + n + R"(","attempt":3})");
        break;
      default:
        texts.push_back("time=2026-11-29T12:00:00Z level=info msg=\"request done\" status=200 bytes=" + n);
    }
  }
  return texts;
}

Path log_parse() {
  return [texts = log_texts()] {
    tail::Parser parser(tail::Format::kAuto);
    for (const std::string& text : texts) {
      logline::Line line;
      line.time = kBegin;
      line.message = text;
      parser.parse(text, kBegin, line);
    }
  };
}

struct LogBlock {
  std::vector<std::string> texts = log_texts();
  std::vector<logline::Line> lines;
  LogBlock() {
    for (std::size_t i = 0; i < texts.size(); ++i)
      lines.push_back({kBegin + static_cast<UnixNanos>(i) * 1'234'567, logline::Level::kInfo, false,
                       i % 3 != 0 ? "web" : "db", static_cast<std::uint32_t>(800 + i % 7), texts[i]});
  }
};

Path log_encode() {
  auto block = std::make_shared<LogBlock>();
  return [block] {
    std::string out;
    check(logs::encode_block("web1", "syslog", block->lines, 3, out).lines == block->lines.size(), "sealing lines");
  };
}

Path log_decode() {
  const LogBlock block;
  auto out = std::make_shared<std::string>();
  const logs::BlockInfo info = logs::encode_block("web1", "syslog", block.lines, 3, *out);
  return [out, info] {
    logs::BlockLines lines;
    std::size_t at = 0;
    for (std::size_t i = 0; i < logs::kFilter; ++i) {
      const auto column = static_cast<logs::Column>(i);
      check(!!lines.add(info, column, std::string_view(*out).substr(at, info.column_bytes[i])),
            "reading lines of a block");
      at += info.column_bytes[i];
    }
  };
}

Path pid_stat() {
  return [] {
    constexpr std::string_view kText =
        "12645 (stress-ng-cpu [run]) R 12634 12634 12634 0 -1 4194304 1234 0 5 0 48800 17 3 4 20 0 1 0 153200 "
        "59670528 1671 18446744073709551615 94212004982784 94212006848117 140729000000000 0 0 0 0 4096 0 0 0 0 17 1 0 "
        "0 "
        "0 0 0 94212007500000 94212007900000 94212030000000 140729000000100 140729000000200 140729000000200 "
        "140729000001000 0\n";
    for (int i = 0; i < 2'000; ++i) {
      procfs::PidStat stat;
      procfs::PidUsage usage;
      procfs::Skipped skipped;
      check(!!procfs::parse_pid_stat(kText, stat, skipped, &usage), "reading /proc/PID/stat");
    }
  };
}

struct Named {
  const char* name;
  Path (*make)();
};
constexpr Named kPaths[] = {
    {"pid_stat", pid_stat},         {"wire_encode", wire_encode},
    {"wire_decode", wire_decode},   {"journal_append", journal_append},
    {"head_append", head_append},   {"head_read", head_read},
    {"chunk_encode", chunk_encode}, {"chunk_decode", chunk_decode},
    {"line_decode", line_decode},   {"line_encode", line_encode},
    {"log_parse", log_parse},       {"log_encode", log_encode},
    {"log_decode", log_decode},
};

}  // namespace

// Named for the counter, and never inlined.
extern "C" __attribute__((noinline)) void measured_path(const std::function<void()>& path) {
  path();
}

int main(int argc, char** argv) {
  if (argc != 2) {
    for (const Named& one : kPaths) std::puts(one.name);
    return 0;
  }
  for (const Named& one : kPaths) {
    if (std::string_view(argv[1]) != one.name) continue;
    const Path path = one.make();
    path();
    measured_path(path);
    return 0;
  }
  std::fprintf(stderr, "bench-paths: there is no path '%s'; without a name it lists them\n", argv[1]);
  return 2;
}
