// What 20 rules cost a client and a server, in percent of CPU time.
//
// On the client beside a gather that is read and encoded, on the server beside decoding the same rows and appending
// them to the journal. Twice: rules of which none touches a row that is there, and 20 of which 8 do. All of one run.

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <filesystem>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "collect/gather.h"
#include "ingest/log.h"
#include "rule/engine.h"
#include "simulate/host_model.h"
#include "wire/frame.h"
#include "wire/samples.h"

namespace {

using namespace resmon;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr int kGathers = 400;
constexpr int kHosts = 100;
constexpr int kRounds = 400;

double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::string idle_rules(int count) {
  std::string out;
  for (int i = 0; i < count; ++i)
    out += "[[rule]]\nmeasurement = \"nothing_" + std::to_string(i) + "*\"\ntags = { a = \"/b/\" }\ndrop = true\n";
  return out;
}

std::string busy_rules() {
  return idle_rules(12) +
         "[[rule]]\nmeasurement = \"cpu\"\ntags = { cpu = \"/^cpu[0-9]/\" }\ndrop = true\n"
         "[[rule]]\nmeasurement = \"net\"\ndrop_fields = [\"drop_*\", \"err_*\"]\n"
         "[[rule]]\nmeasurement = \"diskio\"\ntags = { name = [\"loop*\", \"ram*\"] }\ndrop = true\n"
         "[[rule]]\nmeasurement = \"mem\"\nkeep_fields = [\"used*\", \"available*\", \"free\", \"total\"]\n"
         "[[rule]]\nmeasurement = \"system\"\nset_tag = { site = \"north\" }\n"
         "[[rule]]\nmeasurement = \"disk\"\nround = 1\n"
         "[[rule]]\nmeasurement = \"processes\"\ndedup = \"1m\"\n"
         "[[rule]]\nmeasurement = \"swap\"\nvalue = \"total = 0\"\ndrop = true\n";
}

rule::Config config_of(const std::string& toml, rule::Place place) {
  config::Complaints complaints("bench");
  const auto root = config::parse_toml(toml, "bench");
  if (!root) std::abort();
  rule::Config out = rule::read_rules(root->members.front(), "rule", place, complaints);
  if (complaints.any()) {
    std::fprintf(stderr, "%s\n", complaints.text().c_str());
    std::exit(1);
  }
  return out;
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// By round. Rounds are not alike: processes, disks and hardware come in some of them only, so the share is of all.
struct Share {
  std::vector<double> base, rules;
  double percent() const { return 100 * mean(rules) / mean(base); }
};

Share client(const std::string& toml) {
  metric::SchemaTable schemas;
  collect::GatherOptions options;
  options.interval = std::chrono::seconds(1);
  auto gatherer = collect::Gatherer::make(std::move(options), schemas);
  if (!gatherer) std::abort();
  rule::EngineOptions engine_options;
  engine_options.context.host = "bench";
  rule::Engine engine(config_of(toml, rule::Place::kClient), schemas, engine_options);
  wire::SampleEncoder encoder(schemas);
  metric::Batch batch, out;
  std::string bytes;
  UnixNanos time = Clock::system().wall();
  Share share;
  for (int i = 0; i < kGathers; ++i) {
    batch.clear();
    out.clear();
    bytes.clear();
    const double begin = cpu_seconds();
    (*gatherer)->gather_all(time += kSecond, batch);
    const std::array one{static_cast<const metric::Batch*>(&batch)};
    encoder.encode(static_cast<std::uint64_t>(i + 1), one, bytes);
    const double middle = cpu_seconds();
    if (engine.touches(batch)) engine.process(batch, 0, batch.rows().size(), {time, 0}, out);
    const double end = cpu_seconds();
    if (i < 10) continue;  // the first make plans and open files
    share.base.push_back(middle - begin);
    share.rules.push_back(end - middle);
  }
  return share;
}

// What the server does with frames before anybody reads the rows: decodes them and appends the rows to the journal.
class Server {
 public:
  // `rules`: null for none.
  Server(metric::SchemaTable& schemas, rule::Engine* rules, bool copy) : rules_(rules), copy_(copy) {
    directory_ = "/tmp/bench-rules-" + std::to_string(::getpid()) + (rules != nullptr ? "-with" : "-without");
    ingest::LogOptions log_options;
    log_options.directory = directory_;
    log_options.sync = journal::Sync::kOff;
    auto log = ingest::Log::open(log_options, schemas);
    if (!log) std::abort();
    log_ = std::move(*log);
    for (int h = 0; h < kHosts; ++h)
      decoders_.emplace_back(wire::DecoderLimits(), [&schemas, h](metric::Schema schema) {
        std::vector<metric::Tag> tags = schema.tags;
        tags.push_back({"host", "host-" + std::to_string(h)});
        schema.tags = std::move(tags);
        metric::normalise_tags(schema.tags);
        return schemas.intern(std::move(schema));
      });
  }
  ~Server() {
    log_.reset();
    std::filesystem::remove_all(directory_);
  }

  // CPU seconds for a gather of each host. The rules come last, so that the journal gets the same rows without them;
  // and at once, so that they find a batch where the decoder just wrote it.
  double round(const std::vector<std::string>& frames, UnixNanos time) {
    const double begin = cpu_seconds();
    for (std::size_t h = 0; h < frames.size(); ++h) {
      batch_.clear();
      wire::FrameReader buffer(wire::kMaxFrameBytes);
      buffer.append(frames[h]);
      while (true) {
        const auto frame = buffer.next();
        if (!frame || !*frame) break;
        if (static_cast<wire::FrameType>((*frame)->type) == wire::FrameType::kSchema)
          (void)decoders_[h].decode_schema((*frame)->payload);
        else
          (void)decoders_[h].append_samples((*frame)->payload, batch_,
                                            [](std::uint64_t, metric::Batch&) { return Status(); });
      }
      (void)log_->append(batch_, kSecond);
      if (rules_ == nullptr) continue;
      if (!copy_) {
        (void)rules_->edit(batch_, nullptr, {time, 0});
      } else if (rules_->touches(batch_)) {
        copies_.clear();
        rules_->process(batch_, 0, batch_.rows().size(), {time, 0}, copies_);
      }
    }
    return cpu_seconds() - begin;
  }

 private:
  rule::Engine* const rules_;
  const bool copy_;
  std::string directory_;
  std::unique_ptr<ingest::Log> log_;
  std::deque<wire::SampleDecoder> decoders_;
  metric::Batch batch_, copies_;
};

Share server(const std::string& toml, bool copy = false) {
  metric::SchemaTable there, schemas;
  rule::Engine engine(config_of(toml, rule::Place::kServer), schemas, {rule::Place::kServer, {}});
  Server without(schemas, nullptr, copy), with(schemas, &engine, copy);
  std::deque<simulate::HostModel> models;
  std::deque<wire::SampleEncoder> encoders;
  for (int h = 0; h < kHosts; ++h) {
    models.emplace_back(static_cast<std::uint64_t>(h), simulate::Profile::kNormal, there);
    encoders.emplace_back(there);
  }
  Share share;
  metric::Batch gathered;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::string> frames;
    const UnixNanos time = 1'700'000'000 * kSecond + round * 5 * kSecond;
    for (std::size_t h = 0; h < models.size(); ++h) {
      gathered.clear();
      models[h].gather(time, gathered);
      const std::array one{static_cast<const metric::Batch*>(&gathered)};
      encoders[h].encode(static_cast<std::uint64_t>(round + 1), one, frames.emplace_back());
    }
    double alone = 0, both = 0;
    if (round % 2 == 0) alone = without.round(frames, time);
    both = with.round(frames, time);
    if (round % 2 != 0) alone = without.round(frames, time);
    if (round < 10) continue;  // plans are made, names are new
    share.base.push_back(alone);
    share.rules.push_back(both - alone);
  }
  return share;
}

}  // namespace

int main() {
  const Share client_idle = client(idle_rules(20)), client_busy = client(busy_rules());
  const Share server_idle = server(idle_rules(20)), server_busy = server(busy_rules());
  const Share server_copy = server(busy_rules(), true);
  std::printf(
      "{\"client_untouched_percent\":%.2f,\"client_percent\":%.2f,\"client_gather_microseconds\":%.1f,"
      "\"ingest_untouched_percent\":%.2f,\"ingest_percent\":%.2f,\"ingest_percent_if_copied\":%.2f,"
      "\"ingest_gather_microseconds\":%.1f,\"ingest_rules_microseconds\":%.2f}\n",
      client_idle.percent(), client_busy.percent(), mean(client_busy.base) * 1e6, server_idle.percent(),
      server_busy.percent(), server_copy.percent(), mean(server_busy.base) * 1e6 / kHosts,
      mean(server_busy.rules) * 1e6 / kHosts);
  return 0;
}
