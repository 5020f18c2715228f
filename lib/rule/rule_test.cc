#include "rule/rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "lineproto/decoder.h"
#include "lineproto/encoder.h"
#include "rule/doubts.h"
#include "rule/engine.h"
#include "rule/explain.h"
#include "rule/hidden.h"

namespace resmon::rule {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::int64_t kSecond = 1'000'000'000;

Config config_of(const std::string& toml, Place place, std::string& errors) {
  const auto root = config::parse_toml(toml, "x.toml");
  if (!root) {
    errors = root.error().message;
    return {};
  }
  config::Complaints complaints("x.toml");
  Config out;
  for (const config::Node& member : root->members)
    if (member.key == "rule") out = read_rules(member, "rule", place, complaints);
  errors = complaints.text();
  return out;
}

std::string errors_of(const std::string& toml, Place place = Place::kSink) {
  std::string errors;
  config_of(toml, place, errors);
  return errors;
}

// An engine with lines in and lines out.
class Lines {
 public:
  explicit Lines(const std::string& toml, Place place = Place::kSink, Context context = {}) : encoder_(schemas_) {
    std::string errors;
    EngineOptions options;
    options.place = place;
    options.context = std::move(context);
    engine_ = std::make_unique<Engine>(config_of(toml, place, errors), schemas_, options);
    in_place_ = std::make_unique<Engine>(config_of(toml, place, errors), schemas_, options);
    EXPECT_EQ(errors, "");
  }

  // What becomes of the lines, which are of one batch; those without a time are of second 1.
  std::vector<std::string> operator()(const std::string& lines, Moment moment = {kSecond, 1}) {
    lineproto::LineDecoder decoder(schemas_);
    metric::Batch in, out;
    lineproto::DecodeOptions options;
    options.precision = lineproto::Precision::kSecond;
    options.default_time = kSecond;
    EXPECT_EQ(decoder.decode(lines, options, in).error_text(), "");
    engine_->process(in, 0, in.rows().size(), moment, out);
    if (in_place_) {
      in_place_->edit(in, nullptr, moment);
      EXPECT_EQ(text(in), text(out));
      EXPECT_EQ(in.samples(), out.samples());
      for (std::size_t i = 0; i < engine_->stats().size(); ++i) {
        const RuleStats one = engine_->stats()[i], other = in_place_->stats()[i];
        EXPECT_THAT((std::vector{other.in, other.out, other.dropped, other.full, other.series}),
                    ElementsAre(one.in, one.out, one.dropped, one.full, one.series));
      }
    }
    return text(out);
  }
  std::vector<std::string> flush() {
    metric::Batch out;
    engine_->flush(out);
    return text(out);
  }
  std::vector<std::string> advance(std::int64_t seconds) {
    metric::Batch out;
    if (in_place_) in_place_->advance(seconds * kSecond, out);
    out.clear();
    engine_->advance(seconds * kSecond, out);
    return text(out);
  }
  // From then on the rows go through it alone.
  Engine& engine() {
    in_place_.reset();
    return *engine_;
  }
  metric::SchemaTable& schemas() { return schemas_; }

 private:
  // Times in seconds; that of second 1 is left out.
  std::vector<std::string> text(const metric::Batch& batch) {
    std::vector<std::string> out;
    for (const metric::Row& row : batch.rows()) {
      std::string line;
      encoder_.append(batch, row, line);
      const std::size_t space = line.rfind(' ');
      const std::int64_t time = std::stoll(line.substr(space)) / kSecond;
      out.push_back(line.substr(0, space) + (time == 1 ? "" : " " + std::to_string(time)));
    }
    return out;
  }

  metric::SchemaTable schemas_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Engine> in_place_;  // gets the same rows, and is to give the same
  lineproto::LineEncoder encoder_;
};

TEST(RuleTest, RowsInPlaceKeepTheirBatches) {
  std::string errors;
  metric::SchemaTable schemas;
  Engine engine(config_of("[[rule]]\nmeasurement='a'\ndrop=true\n[[rule]]\nmeasurement='b'\nrename='c'\n"
                          "[[rule]]\nmeasurement='d'\ndrop_fields=['x']",
                          Place::kServer, errors),
                schemas, {Place::kServer, {}});
  for (int round = 0; round < 3; ++round) {
    lineproto::LineDecoder decoder(schemas);
    metric::Batch batch;
    decoder.decode("a v=1 1\nb v=2 2\nd x=1,y=\"t\" 3\na v=1 4\nn v=5 5\nd x=1 6", {}, batch);
    std::vector<std::size_t> ends{0, 2, 4, 5, 6};
    engine.edit(batch, &ends, {kSecond, 1});
    EXPECT_THAT(ends, ElementsAre(0, 1, 2, 3, 3));
    std::string text;
    lineproto::LineEncoder(schemas).append(batch, text);
    EXPECT_EQ(text, "c v=2 2\nd y=\"t\" 3\nn v=5 5\n");
    EXPECT_EQ(batch.samples(), 3U);
  }
}

TEST(RuleTest, AFieldThatARowLacksIsNotTakenFromTheRowBefore) {
  std::string errors;
  metric::SchemaTable schemas;
  const metric::SchemaId id =
      schemas
          .intern(
              {"m",
               {},
               {{"a", metric::FieldType::kFloat}, {"b", metric::FieldType::kFloat}, {"c", metric::FieldType::kFloat}}})
          .value();
  for (const bool in_place : {true, false}) {
    Engine engine(config_of("[[rule]]\ndrop_fields=['b']", Place::kServer, errors), schemas, {Place::kServer, {}});
    metric::Batch in, out;
    metric::RowWriter whole = in.add(id, 3, kSecond);
    for (std::size_t field = 0; field < 3; ++field) whole.set(field, 1.0);
    in.add(id, 3, 2 * kSecond).set(2, 2.0);
    if (in_place)
      engine.edit(in, nullptr, {kSecond, 1});
    else
      engine.process(in, 0, in.rows().size(), {kSecond, 1}, out);
    std::string text;
    lineproto::LineEncoder(schemas).append(in_place ? in : out, text);
    EXPECT_EQ(text, "m a=1,c=1 1000000000\nm c=2 2000000000\n");
  }
}

struct Case {
  std::string rules, in;
  std::vector<std::string> out;
};

TEST(RuleTest, EachVerbDoesWhatItSays) {
  const std::vector<Case> cases{
      {"[[rule]]\nmeasurement='cpu*'\ndrop=true", "cpu v=1\ncpu2 v=1\nmem v=1", {"mem v=1"}},
      {"[[rule]]\nmeasurement='mem'\nkeep=true\n[[rule]]\ndrop=true", "cpu v=1\nmem v=1", {"mem v=1"}},
      {"[[rule]]\ntags={interface=['lo','/^veth/']}\ndrop=true",
       "net,interface=lo v=1\nnet,interface=veth0 v=1\nnet,interface=eth0 v=1",
       {"net,interface=eth0 v=1"}},
      {"[[rule]]\nhost='web*'\ndrop=true", "m,host=web1 v=1\nm,host=db v=1\nm v=1", {"m,host=db v=1", "m v=1"}},
      {"[[rule]]\nvalue='idle < 5'\nset_tag={busy='yes'}", "m idle=3\nm idle=7", {"m,busy=yes idle=3", "m idle=7"}},
      {"[[rule]]\nvalue=['state = running','n >= 2']\ndrop=true",
       "m state=\"running\",n=2i\nm state=\"running\",n=1i\nm state=\"dead\",n=2i",
       {"m n=1i,state=\"running\"", "m n=2i,state=\"dead\""}},
      {"[[rule]]\nmeasurement='m'\nkeep_fields=['a*']", "m a=1,ab=2,b=3\nn b=1", {"m a=1,ab=2", "n b=1"}},
      {"[[rule]]\ndrop_fields=['a']", "m a=1,b=2\nm a=1", {"m b=2"}},
      {"[[rule]]\nkeep_tags=['x']", "m,x=1,y=2 v=1", {"m,x=1 v=1"}},
      {"[[rule]]\ndrop_tag='y'", "m,x=1,y=2 v=1", {"m,x=1 v=1"}},
      {"[[rule]]\nrename='old_*'", "m v=1", {"old_m v=1"}},
      {"[[rule]]\nrename_field={a='z'}", "m a=1,b=2", {"m z=1,b=2"}},
      {"[[rule]]\nrename_tag={x='z'}", "m,x=1 v=1", {"m,z=1 v=1"}},
      {"[[rule]]\nmap={state={running=1,'*'=0}}",
       "m state=\"running\"\nm state=\"dead\"",
       {"m state=1i", "m state=0i"}},
      {"[[rule]]\nmap={code={1='ok',2='bad'},x={a='b'}}",
       "m,x=a code=2i\nm,x=c code=3i",
       {"m,x=b code=\"bad\"", "m,x=c code=\"3\""}},
      {"[[rule]]\nredact=['tokens']", "m line=\"password=hunter22 x\"", {"m line=\"password=[redacted] x\""}},
      {"[[rule]]\nround=1\nfields='a'", "m a=1.26,b=1.26", {"m a=1.3,b=1.26"}},
      {"[[rule]]\nround=-2", "m a=1260.7,b=149i", {"m a=1300,b=100i"}},
      {"[[rule]]\nsample=3", "m v=1 1\nm v=2 2\nm v=3 3\nm v=4 4\nn v=9 4", {"m v=1", "m v=4 4", "n v=9 4"}},
      {"[[rule]]\nmeasurement='net'\nmerge='interface'",
       "net,interface=a v=1,w=1i\nnet,interface=b v=2,w=2i\ncpu v=9",
       {"cpu v=9", "net v=3,w=3i"}},
      {"[[rule]]\nlimit=2",
       "m,x=1 v=1\nm,x=2 v=1\nm,x=3 v=1\nm,x=1 v=2\nm,host=a,x=3 v=1",
       {"m,x=1 v=1", "m,x=2 v=1", "m,x=1 v=2", "m,host=a,x=3 v=1"}},
      {"[[rule]]\ndedup='10s'", "m v=1 1\nm v=1 2\nm v=2 3\nm v=2 12\nm v=2 13", {"m v=1", "m v=2 3", "m v=2 13"}},
      {"[[rule]]\nderive={used_percent='used / total * 100',bits='rate(n) * 8'}",
       "m used=1,total=4,n=10i 10\nm used=1,total=0,n=20i 20\nm n=5i 30",
       {"m n=10i,total=4,used=1,used_percent=25 10", "m n=20i,total=0,used=1,bits=8 20", "m n=5i 30"}},
  };
  for (const Case& one : cases) EXPECT_EQ(Lines(one.rules)(one.in), one.out) << one.rules;
}

// Lines compares rows that are edited in place, whose ways are short, with rows that are copied.
TEST(RuleTest, RowsInPlaceAreWhatCopiedRowsAreWhateverTheRules) {
  const std::vector<std::string> selectors{
      "",
      "measurement='m'\n",
      "measurement=['m','n']\n",
      "tags={k='a'}\n",
      "fields=['i*','s']\n",
      "value='f > 50'\n",
      "value='s =~ /^x/'\n",
      "fields='f'\nvalue='i < 5'\n",
      "host='h1'\n",
  };
  const std::vector<std::string> verbs{
      "keep=true",
      "drop=true",
      "keep_fields=['f','s']",
      "drop_fields=['b']",
      "drop_tag='k'",
      "rename='z_*'",
      "rename_field={f='g'}",
      "rename_tag={k='l'}",
      "set_tag={t='1'}",
      "round=0",
      "round=-1",
      "sample=2",
      "limit=2",
      "dedup='10s'",
      "merge='k'",
      "derive={d='f / i', r='rate(f)'}",
      "redact=['/x[a]/']",
      "map={s={xa='yy'}}",
      "map={i={'3'=300}}",
      "map={s={xa=1,'*'=2}}",
  };
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    std::string rules;
    for (std::size_t i = 0; i < 1 + random() % 4; ++i)
      rules += "[[rule]]\n" + selectors[random() % selectors.size()] + verbs[random() % verbs.size()] + "\n";
    SCOPED_TRACE(rules);
    Lines lines(rules, Place::kServer);
    for (int batch = 1; batch < 6; ++batch) {
      std::string in;
      for (int row = 0; row < 8; ++row) {
        in += std::string(1, static_cast<char>('l' + random() % 3)) + ",host=h" + std::to_string(random() % 2) +
              ",k=" + std::string(1, static_cast<char>('a' + random() % 2)) + " f=" + std::to_string(random() % 100) +
              ".25";
        if (random() % 3 != 0) in += ",i=" + std::to_string(random() % 10) + "i";
        if (random() % 2 == 0) in += std::string(",s=\"x") + static_cast<char>('a' + random() % 2) + "\"";
        if (random() % 4 == 0) in += ",b=true";
        in += " " + std::to_string(batch * 10 + row / 4) + "\n";
      }
      lines(in, {batch * kSecond, static_cast<std::uint64_t>(batch)});
      if (HasFailure()) return;
    }
  }
}

TEST(RuleTest, TelegrafsSelectorsDropWhatTheyDoNotPass) {
  EXPECT_THAT(Lines("[[rule]]\nnamepass=['cpu','mem']\n[[rule]]\nfieldexclude=['b']\n[[rule]]\ntagexclude=['y']")(
                  "cpu,y=1 a=1,b=2\ndisk a=1"),
              ElementsAre("cpu a=1"));
  EXPECT_THAT(Lines("[[rule]]\nnamedrop=['cpu']")("cpu a=1\ndisk a=1"), ElementsAre("disk a=1"));
  // tagpass is any of them, tags is all of them.
  EXPECT_THAT(Lines("[[rule]]\ntagpass={a=['1'],b=['1']}")("m,a=1 v=1\nm,b=1 v=2\nm,c=1 v=3"),
              ElementsAre("m,a=1 v=1", "m,b=1 v=2"));
  EXPECT_THAT(Lines("[[rule]]\ntags={a='1',b='1'}")("m,a=1 v=1\nm,a=1,b=1 v=2"), ElementsAre("m,a=1,b=1 v=2"));
  EXPECT_THAT(Lines("[[rule]]\ntagdrop={a=['1']}")("m,a=1 v=1\nm,a=2 v=2"), ElementsAre("m,a=2 v=2"));
}

TEST(RuleTest, TheClientsHostAndTagsSelectThoughItsRowsHaveNone) {
  const Context context{"web1", {{"site", "north"}}};
  EXPECT_THAT(Lines("[[rule]]\nhost='web*'\ntags={site='north'}\nmeasurement='m'\ndrop=true", Place::kClient,
                    context)("m v=1\nn v=1"),
              ElementsAre("n v=1"));
}

TEST(RuleTest, RulesApplyInTheirOrderToWhatTheOnesBeforeLeft) {
  EXPECT_THAT(Lines("[[rule]]\nrename='b'\nmeasurement='a'\n[[rule]]\nmeasurement='b'\nset_tag={x='1'}\n"
                    "[[rule]]\ntags={x='1'}\nround=0\n[[rule]]\nmeasurement='a'\ndrop=true")("a v=1.7\nb v=2.2"),
              ElementsAre("b,x=1 v=2", "b,x=1 v=2"));
}

TEST(RuleTest, ErrorsNameFileRuleAndKey) {
  EXPECT_EQ(errors_of("[[rule]]\nmeasurment='cpu'\ndrop=true"),
            "x.toml:2:1: rule[1].measurment: unknown key; did you mean measurement?");
  EXPECT_EQ(errors_of("[[rule]]\ndrop=true\n[[rule]]\nname='n'\ndrop=true\nround=1"),
            "x.toml:6:7: rule[2].round: the rule already has the verb drop: put each verb into a rule of its own");
  EXPECT_EQ(errors_of("[[rule]]\nname='x'"), "x.toml:1:1: rule[1]: has neither a selector nor a verb");
  EXPECT_THAT(errors_of("[[rule]]\nmeasurement='/(/'\ndrop=true"),
              HasSubstr("x.toml:2:13: rule[1].measurement: '/(/' is not a valid regular"));
  EXPECT_THAT(errors_of("[[rule]]\nevery='60s'", Place::kServer), HasSubstr("rule[1].every: is for clients and sinks"));
  EXPECT_THAT(errors_of("[[rule]]\nevery='2h'"), HasSubstr("rule[1].every: must be a span of time"));
  EXPECT_THAT(errors_of("[[rule]]\nevery='60s'\naggregate='avg'"),
              HasSubstr("rule[1].aggregate: 'avg' is not mean, min"));
  EXPECT_THAT(errors_of("[[rule]]\nderive={a='1 +'}"), HasSubstr("rule[1].derive.a: at '': expected a number"));
  EXPECT_THAT(errors_of("[[rule]]\nset_tag={host='x'}", Place::kClient),
              HasSubstr("the tag host identifies the machine"));
  EXPECT_THAT(errors_of("[[rule]]\nvalue='idle'\ndrop=true"),
              HasSubstr("rule[1].value: 'idle': must be FIELD, an operator"));
  EXPECT_THAT(errors_of("[[rule]]\nname='a'\ndrop=true\n[[rule]]\nname='a'\ndrop=true"),
              HasSubstr("'a' is another rule's name"));
}

TEST(RuleTest, WindowsAreTheFunctionsOfTheirRows) {
  Lines lines("[[rule]]\nevery='60s'\naggregate=['mean','min','max','sum','last','count','p95']\nwait='0s'");
  std::string in;
  for (int i = 0; i < 60; ++i) in += "m,host=a v=" + std::to_string(i) + " " + std::to_string(60 + i) + "\n";
  EXPECT_THAT(lines(in), IsEmpty());
  EXPECT_THAT(lines("m,host=a v=1 120"),
              ElementsAre("m,host=a v_mean=29.5,v_min=0,v_max=59,v_sum=1770,v_last=59,v_count=60i,v_p95=56 60"));
}

TEST(RuleTest, AFieldKeepsItsNameAndTypeInAWindow) {
  Lines lines("[[rule]]\nevery='60s'\nwait='0s'");
  lines("m,host=a n=1i,f=1,s=\"x\",b=true 60\nm,host=a n=2i,f=2,s=\"y\",b=false 61");
  EXPECT_THAT(lines.flush(), ElementsAre("m,host=a b=false,f=1.5,n=2i,s=\"y\" 60"));
}

TEST(RuleTest, AWindowIsClosedByLaterRowsOfItsHostAndByTheClock) {
  Lines lines("[[rule]]\nevery='60s'\nwait='10s'");
  EXPECT_THAT(lines("m,host=a v=1 60\nm,host=b v=5 60"), IsEmpty());
  EXPECT_THAT(lines("m,host=a v=3 129"), IsEmpty());
  EXPECT_THAT(lines("m,host=a v=3 130"), ElementsAre("m,host=a v=1 60"));  // b is not further
  EXPECT_THAT(lines("m,host=a v=9 61"), IsEmpty());                        // late
  EXPECT_EQ(lines.engine().stats()[0].full, 1U);
  EXPECT_THAT(lines.advance(120 + 10 + 299), IsEmpty());
  EXPECT_THAT(lines.advance(120 + 10 + 300), ElementsAre("m,host=b v=5 60"));
  EXPECT_EQ(lines.engine().stats()[0].series, 1U);
}

TEST(RuleTest, WhatWasWrittenOfThePastGetsItsWindows) {
  Lines lines("[[rule]]\nevery='60s'\nwait='0s'");
  lines("m,host=a v=1 6000", {6000 * kSecond, 1});
  EXPECT_THAT(lines("m,host=a v=1 60\nm,host=a v=3 61", {6001 * kSecond, 2}), IsEmpty());
  EXPECT_THAT(lines("m,host=a v=8 62", {6002 * kSecond, 3}), IsEmpty());
  EXPECT_THAT(lines.advance(6011), ElementsAre("m,host=a v=4 60"));
}

// The property that sinks rely on: whatever is taken away and read again, each window comes out with all its rows.
TEST(RuleTest, WindowsAreExactWhereverALogIsReadAgain) {
  const std::string rules = "[[rule]]\nevery='60s'\nwait='5s'\naggregate=['sum','count']";
  std::mt19937 random(7);
  std::vector<std::string> log;  // one record of lines each
  std::vector<std::int64_t> received;
  std::int64_t now = 600;
  std::map<std::string, std::int64_t> sent;  // by host: the next second
  for (const char* host : {"a", "b", "c"}) sent[host] = 600;
  for (int i = 0; i < 600; ++i) {
    ++now;
    std::string lines;
    for (auto& [host, next] : sent) {
      if (random() % 20 == 0 || (host == "b" && i > 200 && i < 300)) continue;  // away: sends it all later
      for (; next < now; ++next)
        lines += "m,host=" + host + " v=" + std::to_string(next % 7) + " " + std::to_string(next) + "\n";
    }
    log.push_back(lines);
    received.push_back(now * kSecond);
  }
  const auto play = [&](Lines& lines, std::size_t from, std::size_t to, std::map<std::string, std::string>& out) {
    for (std::size_t i = from; i < to; ++i) {
      for (const auto& line : lines.advance(received[i] / kSecond))
        out[line.substr(0, 8) + line.substr(line.rfind(' '))] = line;
      for (const auto& line : lines(log[i], {received[i], i + 1}))
        out[line.substr(0, 8) + line.substr(line.rfind(' '))] = line;
    }
  };
  std::map<std::string, std::string> whole;
  Lines once(rules);
  play(once, 0, log.size(), whole);
  ASSERT_GE(whole.size(), 24U);
  for (int round = 0; round < 40; ++round) {
    std::map<std::string, std::string> out;
    std::size_t from = 0;
    std::vector<ClosedWindow> closed, pasts;
    while (from < log.size()) {
      Lines lines(rules);
      for (const ClosedWindow& one : closed) lines.engine().restore(one);
      for (const ClosedWindow& one : pasts) lines.engine().restore_newest(one.rule, one.host, one.start);
      const std::size_t to = std::min(log.size(), from + 1 + random() % 150);
      play(lines, from, to, out);
      if (to == log.size()) break;
      for (const ClosedWindow& one : lines.engine().take_closed()) closed.push_back(one);
      pasts = lines.engine().pasts();
      const std::uint64_t open = lines.engine().oldest_position();
      const std::size_t next = open == UINT64_MAX ? to : open - 1;
      std::erase_if(closed, [&](const ClosedWindow& one) { return one.last <= next; });
      if (next == from && to - from > 140) break;  // makes no way: windows are longer than a round
      from = next;
    }
    for (const auto& [key, line] : out) EXPECT_EQ(line, whole[key]);
    EXPECT_EQ(out.size(), whole.size()) << round;
  }
}

TEST(RuleTest, WhatIsRememberedIsBounded) {
  Lines lines("[[rule]]\nevery='60s'\nmax_series=10\n[[rule]]\nname='d'\ndedup='1h'\nmax_series=10");
  for (int i = 0; i < 100; ++i) lines("m,x=" + std::to_string(i) + " v=1 60");
  EXPECT_EQ(lines.engine().stats()[0].series, 10U);
  EXPECT_EQ(lines.engine().stats()[0].full, 90U);
  EXPECT_EQ(lines.flush().size(), 10U);
}

// Of a host that has a window already, too.
TEST(RuleTest, WindowsThatAreOpenAtOnceAreBounded) {
  Lines lines("[[rule]]\nevery='60s'\nwait='100s'\nmax_series=1");
  EXPECT_THAT(lines("m,host=a v=1 60\nm,host=a v=5 120\nm,host=a v=6 121\nm,host=a v=3 61"), IsEmpty());
  EXPECT_EQ(lines.engine().stats()[0].series, 1U);
  EXPECT_EQ(lines.engine().stats()[0].full, 2U);
  EXPECT_THAT(lines.flush(), ElementsAre("m,host=a v=2 60"));
}

TEST(RuleTest, AQuantileOfManyRowsIsOfOnesSpreadEvenly) {
  Lines lines("[[rule]]\nevery='1h'\nwait='0s'\naggregate='p95'");
  std::string in;
  for (int i = 0; i < 5000; ++i) in += "m,host=a v=" + std::to_string(i) + " " + std::to_string(7200 + i / 2) + "\n";
  lines(in);
  EXPECT_THAT(lines.flush(), ElementsAre("m,host=a v=4748 7200"));
}

TEST(RuleTest, CountsSamplesOfEachRule) {
  Lines lines("[[rule]]\nname='f'\nmeasurement='m'\nkeep_fields='a'\n[[rule]]\nmeasurement='n'\ndrop=true");
  lines("m a=1,b=2\nm a=1,b=2\nn v=1\no v=1");
  const auto stats = lines.engine().stats();
  EXPECT_EQ(stats[0].name, "f");
  EXPECT_EQ((std::vector<std::uint64_t>{stats[0].in, stats[0].out, stats[0].dropped, stats[0].series}),
            (std::vector<std::uint64_t>{4, 2, 2, 1}));
  EXPECT_EQ(stats[1].name, "rule 2");
  EXPECT_EQ(stats[1].dropped, 1U);
}

TEST(RuleTest, ARowThatNoRuleTouchesIsNotEvenLoaded) {
  Lines lines("[[rule]]\nmeasurement='cpu'\ndrop=true");
  lineproto::LineDecoder decoder(lines.schemas());
  metric::Batch in;
  decoder.decode("mem v=1\ndisk v=2", {}, in);
  EXPECT_FALSE(lines.engine().touches(in));
  decoder.decode("cpu v=1", {}, in);
  EXPECT_TRUE(lines.engine().touches(in));
}

TEST(RuleTest, ExplainShowsEachLineBeforeAndAfter) {
  std::string errors;
  const Config config = config_of(
      "[[rule]]\nname='cores'\nmeasurement='cpu'\ndrop=true\n\n[[rule]]\nmeasurement='net'\nmerge='i'\n"
      "[[rule]]\nmeasurement='mem'\nrename='memory'",
      Place::kClient, errors);
  metric::SchemaTable schemas;
  Explainer explainer(config, "client.toml", schemas, {}, {});
  lineproto::LineDecoder decoder(schemas);
  metric::Batch in;
  decoder.decode("cpu v=1 5\ndisk v=1 5\nnet,i=a v=1 5\nnet,i=b v=2 5\nmem v=1 5\nnet v=3 5\n", {}, in);
  std::string out;
  explainer.add(in, out);
  explainer.finish(out);
  EXPECT_EQ(out,
            "- cpu v=1 5\n"
            "    cores (client.toml:1) drops it\n"
            "  disk v=1 5\n"
            "- net,i=a v=1 5\n"
            "    rule 2 (client.toml:6) adds it up\n"
            "- net,i=b v=2 5\n"
            "    rule 2 (client.toml:6) adds it up\n"
            "- mem v=1 5\n"
            "    rule 3 (client.toml:9)\n"
            "+ memory v=1 5\n"
            "  net v=3 5\n"
            "    rule 2 (client.toml:6) makes\n"
            "+ net v=3 5\n");
}

TEST(RuleTest, HidesSaysWhichRuleTakesAFieldFromEverybody) {
  const auto hidden = [](const std::string& toml, std::string_view measurement, std::string_view field) {
    std::string errors;
    const Config config = config_of(toml, Place::kServer, errors);
    const Rule* const rule = hides(config, measurement, field);
    return rule == nullptr ? std::string() : rule->name;
  };
  EXPECT_EQ(hidden("[[rule]]\nmeasurement='cpu'\ndrop=true", "cpu", "usage_idle"), "rule 1");
  EXPECT_EQ(hidden("[[rule]]\nmeasurement='cpu'\ntags={cpu='cpu0'}\ndrop=true", "cpu", "usage_idle"), "");
  EXPECT_EQ(hidden("[[rule]]\nnamepass='mem'", "cpu", "usage_idle"), "rule 1");
  EXPECT_EQ(hidden("[[rule]]\nrename_field={usage_idle='idle'}", "cpu", "usage_idle"), "rule 1");
  EXPECT_EQ(hidden("[[rule]]\nmeasurement='cpu'\nkeep=true\n[[rule]]\ndrop=true", "cpu", "usage_idle"), "");
  EXPECT_EQ(hidden("[[rule]]\nmeasurement='cpu'\nkeep_fields='usage_*'", "cpu", "time_idle"), "rule 1");

  std::string errors;
  const Config config =
      config_of("[[rule]]\nname='small'\nmeasurement='system'\nkeep_fields='uptime'", Place::kServer, errors);
  const auto found = rule::hidden(config, known_inputs());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].rule, "small");
  EXPECT_EQ(found[0].fields, "system.load1, system.load5, system.load15 and others");
  EXPECT_THAT(found[0].needed_by, HasSubstr("the panel Load, the alert rule "));
}

// Scripts, inputs and other agents write names that nobody knows ahead, so such a rule is in force.
TEST(RuleTest, NamesThatNoCollectorWritesAreDoubtedWithTheirPlace) {
  const auto doubts = [](const std::string& toml) {
    std::string errors;
    const Config config = config_of(toml, Place::kSink, errors);
    EXPECT_EQ(errors, "");
    std::vector<std::string> out;
    for (const metric::NameDoubt& one : config.doubts) out.push_back(one.text);
    return out;
  };
  EXPECT_THAT(doubts("[[rule]]\nmeasurement='dsk'\ndrop=true"),
              ElementsAre("x.toml:2:13: rule[1].measurement: no collector writes the measurement 'dsk'; did you mean "
                          "disk?"));
  EXPECT_THAT(doubts("[[rule]]\nnamepass='cpu'\nfields=['usage_idel', 'usage_*', 'use_*']\nround=1"),
              ElementsAre("x.toml:3:8: rule[1].fields: no collector writes cpu.usage_idel; did you mean usage_idle?",
                          "x.toml:3:8: rule[1].fields: no collector writes a field of cpu that matches 'use_*'"));
  EXPECT_THAT(doubts("[[rule]]\nmeasurement='mem'\nvalue='used_precent > 5'\nkeep_fields=['totl']"),
              ElementsAre(HasSubstr("x.toml:3:7: rule[1].value: no collector writes mem.used_precent; did you mean "
                                    "used_percent?"),
                          HasSubstr("rule[1].keep_fields: no collector writes mem.totl; did you mean total?")));
  EXPECT_THAT(doubts("[[rule]]\nmeasurement='mem'\nrename_field={usd='x'}\n[[rule]]\nmeasurement='mem'\nderive={y="
                     "'usd/total'}"),
              ElementsAre(HasSubstr("rule[1].rename_field: no collector writes mem.usd; did you mean used?"),
                          HasSubstr("rule[2].derive: no collector writes mem.usd; did you mean used?")));
  for (const char* good : {
           "[[rule]]\nmeasurement=['cpu', 'mem']\nfields='used'\nround=1",       // a field of one of them
           "[[rule]]\nmeasurement=['cpu', 'orders']\nfields='amount'\nround=1",  // a script's
           "[[rule]]\nmeasurement='c*'\nfields='amount'\nround=1",               // whatever matches
           "[[rule]]\nfields='amount'\nround=1",                                 // of any measurement
           "[[rule]]\nmeasurement='nstat'\nfields='TcpExtOther'\nround=1",       // the kernel's
           "[[rule]]\nmeasurement='mem'\nderive={free_percent='100-used_percent'}\n[[rule]]\nmeasurement='mem'\n"
           "fields='free_percent'\nround=1",  // a rule before makes it
           "[[rule]]\nmeasurement='mem'\nrename='memory'\n[[rule]]\nmeasurement='memory'\nfields='x'\nround=1",
           "[[rule]]\nmeasurement='cpu'\nevery='1m'\naggregate=['mean','max']\n[[rule]]\nmeasurement='cpu'\n"
           "drop_fields='usage_idle_max'",
       })
    EXPECT_THAT(doubts(good), IsEmpty()) << good;
}

TEST(RuleTest, DoubtsAreSettledByWhatIsThere) {
  std::string errors;
  const Config config = config_of(
      "[[rule]]\nmeasurement='dsk'\nround=1\n[[rule]]\nmeasurement='mem'\nfields='extra_*'"
      "\nround=1",
      Place::kServer, errors);
  ASSERT_EQ(config.doubts.size(), 2U);
  EXPECT_EQ(unsettled(config.doubts, [](const std::string&) { return std::vector<std::string>(); }).size(), 2U);
  const auto fields_of = [](const std::string& measurement) {
    return measurement == "mem" ? std::vector<std::string>{"extra_limit", "used"} : std::vector<std::string>{"v"};
  };
  EXPECT_THAT(unsettled(config.doubts, fields_of), IsEmpty());
}

}  // namespace
}  // namespace resmon::rule
