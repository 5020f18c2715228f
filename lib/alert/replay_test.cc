// A day of real hosts through all built-in rules: what record.py recorded of a machine, for three hosts at different
// times, with a reboot, a restart of the server and an update of a client. No message.
//
// The machine was recorded while it compiled with more tasks than processors, and a minute of stress-ng besides. Three
// times a day the hosts do that; between, what says so (load, CPU pressure) is that of a machine at rest.

#include <gmock/gmock.h>

#include <fstream>
#include <functional>
#include <sstream>

#include "alert/test_support.h"

namespace resmon::alert {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct RecordedField {
  std::string name;
  bool counter = false;
  bool is_text = false;
  std::vector<double> numbers;  // one for each gather
  std::vector<std::string> texts;

  // Counters go on where the recording begins again.
  double at(std::size_t gather) const {
    const double value = numbers[gather % numbers.size()];
    return counter ? value - numbers[0] + static_cast<double>(gather / numbers.size()) * (numbers.back() - numbers[0])
                   : value;
  }
};

struct RecordedSeries {
  std::string measurement;
  std::vector<metric::Tag> tags;
  std::vector<RecordedField> fields;
};

struct RecordedMachine {
  std::int64_t interval = 0;
  std::size_t rest = 0;     // gathers before the stress
  std::size_t gathers = 0;  // of all
  std::vector<RecordedSeries> series;
};

double number_in(const std::string& text) {
  return text == "true" ? 1 : text == "false" ? 0 : std::stod(text);
}

RecordedMachine read_recording(const std::string& path) {
  std::ifstream in(path);
  RecordedMachine out;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (word == "interval") {
      words >> out.interval;
    } else if (word == "rest") {
      words >> out.rest;
    } else if (word == "gathers") {
      words >> out.gathers;
    } else if (word == "series") {
      RecordedSeries& made = out.series.emplace_back();
      words >> made.measurement;
      std::string tags;
      words >> tags;
      std::istringstream parts(tags);
      for (std::string tag; std::getline(parts, tag, ',');)
        made.tags.push_back({tag.substr(0, tag.find('=')), tag.substr(tag.find('=') + 1)});
    } else if (!word.empty() && word[0] != '#') {
      RecordedField field;
      field.counter = word[0] == '+';
      field.name = word.substr(field.counter ? 1 : 0);
      for (std::string run; words >> run;) {
        const std::size_t star = run.rfind('*');
        const std::size_t count = star == std::string::npos ? 1 : std::stoul(run.substr(star + 1));
        const std::string value = run.substr(0, star);
        field.is_text = value[0] == '"';
        for (std::size_t i = 0; i < count; ++i) {
          if (field.is_text)
            field.texts.push_back(value.substr(1, value.size() - 2));
          else
            field.numbers.push_back(number_in(value));
        }
      }
      out.series.back().fields.push_back(std::move(field));
    }
  }
  return out;
}

// One host that has the recording's values from some place on.
class ReplayedHost {
 public:
  ReplayedHost(const RecordedMachine& machine, std::string name, std::size_t from, UnixNanos booted)
      : machine_(machine), name_(std::move(name)), from_(from), booted_(booted) {}

  void boot(UnixNanos now, std::size_t gather) {
    booted_ = now;
    counted_from_ = from_ + gather;
  }
  void change(std::function<void(const RecordedSeries&, const RecordedField&, double&)> change) {
    change_ = std::move(change);
  }

  // The rows of one gather.
  void add(metric::Batch& batch, metric::SchemaTable& schemas, UnixNanos time, std::size_t gather, bool busy) {
    if (ids_.empty()) intern(schemas);
    for (std::size_t s = 0; s < machine_.series.size(); ++s) {
      const RecordedSeries& series = machine_.series[s];
      const bool system = series.measurement == "system";
      const std::size_t fields = series.fields.size() + (system ? 1 : 0);
      metric::RowWriter row = batch.add(ids_[s], static_cast<std::uint32_t>(fields), time);
      for (std::size_t i = 0; i < series.fields.size(); ++i) {
        const RecordedField& field = series.fields[i];
        if (field.is_text) {
          row.set(i, std::string_view(field.texts[(from_ + gather) % field.texts.size()]));
          continue;
        }
        double value = field.at(from_ + gather);
        if (field.counter && counted_from_ > 0) value -= field.at(counted_from_);
        if (!busy && series.measurement == "system" && field.name == "load5") value = 0.1;
        if (!busy && series.measurement == "pressure") value = 0;
        if (change_) change_(series, field, value);
        row.set(i, value);
      }
      if (system) row.set(fields - 1, static_cast<double>(time - booted_) / 1e9);
    }
  }

 private:
  void intern(metric::SchemaTable& schemas) {
    for (const RecordedSeries& series : machine_.series) {
      metric::Schema schema{series.measurement, series.tags, {}};
      schema.tags.push_back({"host", name_});
      metric::normalise_tags(schema.tags);
      for (const RecordedField& field : series.fields)
        schema.fields.push_back({field.name, field.is_text ? metric::FieldType::kString : metric::FieldType::kFloat});
      if (series.measurement == "system") schema.fields.push_back({"uptime", metric::FieldType::kFloat});
      ids_.push_back(schemas.intern(std::move(schema)).value());
    }
  }

  const RecordedMachine& machine_;
  std::vector<metric::SchemaId> ids_;  // by series
  const std::string name_;
  const std::size_t from_;
  UnixNanos booted_;
  std::size_t counted_from_ = 0;
  std::function<void(const RecordedSeries&, const RecordedField&, double&)> change_;
};

class AlertReplayTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kDay = 24 * 360;  // gathers
  static constexpr std::size_t kHour = 360;

  AlertReplayTest()
      : machine_(read_recording(RESMON_SOURCE_DIR "/tests/fixtures/alerts/machine.txt")), house_("", "all") {
    for (std::size_t i = 0; i < 3; ++i) {
      const std::string name = "web" + std::to_string(i + 1);
      house_.add_host(name);
      hosts_.emplace_back(machine_, name, i * 17, house_.now - 90 * 86'400 * kTestSecond);
    }
  }

  // As long as the recording is: eight minutes.
  bool busy(std::size_t number) const {
    return number > always_busy_from_ || (number / kHour % 8 == 3 && number % kHour < machine_.gathers);
  }

  // Samples of hosts that are away wait in their spools and come when they are back.
  void gather(std::size_t number) {
    const std::int64_t step = machine_.interval;
    house_.pass(step);
    metric::Batch batch;
    batch.pin(house_.schemas());
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      if (house_.silent.contains(house_.hosts[i].name)) continue;
      for (std::size_t late = waiting_[i]; late > 0; --late)
        hosts_[i].add(batch, house_.schemas(), house_.now - static_cast<std::int64_t>(late) * step * kTestSecond,
                      number - late, busy(number - late));
      waiting_[i] = 0;
      hosts_[i].add(batch, house_.schemas(), house_.now, number, busy(number));
    }
    house_.engine().observe(batch, house_.now);
    for (const auto& operand : house_.engine().log_operands())
      for (const fleet::Host& host : house_.hosts) house_.engine().observe_lines(operand, host.name, house_.now, 0);
    house_.collect();
  }

  RecordedMachine machine_;
  TestHouse house_;
  std::vector<ReplayedHost> hosts_;
  std::size_t waiting_[3] = {};
  std::size_t always_busy_from_ = SIZE_MAX;
};

TEST_F(AlertReplayTest, ADayOfHealthyHostsSendsNothingAndAFaultIsNoticed) {
  ASSERT_GE(machine_.gathers, 30U) << "the recording is there";
  ASSERT_GT(machine_.gathers, machine_.rest + 6) << "with a minute of stress";
  ASSERT_GE(machine_.series.size(), 10U);
  for (std::size_t n = 0; n < kDay; ++n) {
    if (n == 6 * kHour) house_.silent.insert("web1");  // a reboot: forty seconds, and all is counted from 0
    if (n == 6 * kHour + 4) {
      house_.silent.erase("web1");
      hosts_[0].boot(house_.now - 20 * kTestSecond, n);
    }
    if (n == 9 * kHour) {  // the server is away for five minutes
      house_.now += 300 * kTestSecond;
      for (std::size_t& one : waiting_) one = 30;
      n += 30;
      house_.restart();
    }
    if (n == 12 * kHour) house_.silent.insert("web2");  // an update of its client: ten seconds, which wait in its spool
    if (n == 12 * kHour + 1) {
      house_.silent.erase("web2");
      waiting_[1] = 1;
    }
    gather(n);
    ASSERT_THAT(house_.titles(), IsEmpty()) << "in gather " << n;
  }
  EXPECT_GT(house_.engine().stats().evaluations, 200'000U);
  std::size_t reboots = 0;
  for (const Transition& one : house_.history) {
    EXPECT_EQ(one.alert.rule == "reboot" || one.alert.state != AlertState::kFiring, true)
        << one.alert.rule << " on " << one.alert.host << " fired";
    reboots += one.alert.rule == "reboot" && one.alert.state == AlertState::kFiring ? 1U : 0U;
  }
  EXPECT_EQ(reboots, 1U) << "it is in the history";
  // Now its disk fills.
  hosts_[2].change([](const RecordedSeries& series, const RecordedField& field, double& value) {
    if (series.measurement == "disk" && field.name == "used_percent") value = 97;
  });
  for (std::size_t n = kDay; n < kDay + 8; ++n) gather(n);
  ASSERT_THAT(house_.titles(), SizeIs(1));
  EXPECT_THAT(house_.titles()[0], HasSubstr("disk-full on web3"));
  // And a machine goes.
  house_.silent.insert("web1");
  for (std::size_t n = kDay + 8; n < kDay + 30; ++n) gather(n);
  EXPECT_THAT(house_.titles().back(), HasSubstr("web1 silent since"));
  // And they compile for half an hour and more.
  always_busy_from_ = kDay + 30;
  for (std::size_t n = kDay + 30; n < kDay + 30 + kHour / 2 && house_.titles().size() == 2; ++n) gather(n);
  EXPECT_THAT(house_.titles().back(), HasSubstr("cpu-pressure on 2 hosts"));
}

}  // namespace
}  // namespace resmon::alert
