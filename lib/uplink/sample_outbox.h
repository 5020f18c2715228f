#pragma once

#include <optional>

#include "uplink/outbox.h"
#include "uplink/spool.h"
#include "wire/samples.h"

namespace resmon::uplink {

// A spool of samples as an uplink sends it. The spool and the table must outlive it.
class SampleOutbox final : public Outbox {
 public:
  SampleOutbox(Spool& spool, const metric::SchemaTable& schemas) : spool_(spool), schemas_(schemas) {}

  wire::Carries carries() const override { return wire::Carries::kSamples; }
  const wire::StreamId& stream() const override { return spool_.stream(); }
  std::uint64_t epoch() const override { return spool_.epoch(); }
  bool empty() const override { return spool_.empty(); }
  std::uint64_t first() const override { return spool_.first(); }
  std::uint64_t backlog() const override { return spool_.backlog_samples(); }
  std::string_view backlog_name() const override { return "backlog_samples"; }
  void acknowledge(std::uint64_t sequence) override { spool_.acknowledge(sequence); }
  bool resume_after(std::uint64_t sequence) override { return spool_.resume_after(sequence); }
  void begin() override { encoder_.emplace(schemas_); }
  void end() override { encoder_.reset(); }
  Result<Encoded> encode(std::uint64_t from, std::uint32_t max_frame_bytes, std::string& out) override;

 private:
  Spool& spool_;
  const metric::SchemaTable& schemas_;
  std::optional<wire::SampleEncoder> encoder_;
};

}  // namespace resmon::uplink
