// resmon-server rules explain: Influx lines in, and what the rules do to each of them.

#include "rules_command.h"

#include <cstdio>
#include <string>
#include <vector>

#include "base/exit_code.h"
#include "base/file.h"
#include "base/json_text.h"
#include "lineproto/decoder.h"
#include "options.h"
#include "program/program.h"
#include "rule/explain.h"

namespace resmon::server {

namespace {

constexpr const char* kRulesName = "resmon-server";
constexpr std::size_t kMostInputBytes = 64U << 20U;

Result<std::string> read_input(const std::string& path) {
  if (!path.empty() && path != "-") return read_file(path, kMostInputBytes);
  std::string out;
  char buffer[65536];
  while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, stdin)) {
    out.append(buffer, got);
    if (out.size() > kMostInputBytes) return fail(ErrorKind::kInvalid, "more than 64 MiB of lines");
  }
  return out;
}

int explain(const Options& options, const std::string& sink, const std::string& config_file, const std::string& input) {
  const rule::Config* rules = &options.rules;
  rule::EngineOptions engine;
  engine.place = rule::Place::kServer;
  if (!sink.empty()) {
    const auto found = options.sink_rules.find(sink);
    if (found == options.sink_rules.end())
      return program::complain(
          kRulesName, Error{ErrorKind::kInvalid, "--sink: there is no [sink." + printable(sink) + "]"}, kExitUsage);
    rules = &found->second;
    engine.place = rule::Place::kSink;
  }
  const auto text = read_input(input);
  if (!text) return program::complain(kRulesName, text.error(), kExitFailed);
  metric::SchemaTable schemas;
  lineproto::LineDecoder decoder(schemas);
  lineproto::DecodeOptions decode;
  decode.default_time = Clock::system().wall();
  metric::Batch batch;
  const lineproto::DecodeReport report = decoder.decode(*text, decode, batch);
  std::string out;
  const std::string file = config_file.empty() ? "server.toml" : config_file.substr(config_file.rfind('/') + 1);
  rule::Explainer explainer(*rules, file, schemas, engine, {});
  explainer.add(batch, out);
  explainer.finish(out);
  std::fwrite(out.data(), 1, out.size(), stdout);
  if (std::fflush(stdout) != 0) return kExitFailed;
  if (report.refused_lines == 0) return kExitDone;
  std::fprintf(stderr, "%s: %s\n", kRulesName, printable(report.error_text()).c_str());
  return kExitFailed;
}

}  // namespace

int run_rules_command(int argc, char** argv) {
  Options options;
  config::Settings settings("server");
  options.declare(settings);
  program::Program program(
      {std::string(kRulesName) + " rules", RESMON_VERSION, "Shows the effect of the rules on Influx lines.",
       "Examples:\n"
       "  resmon-client --once | resmon-server rules explain --config server.toml\n"
       "  resmon-server rules explain lines.txt --config server.toml --sink influx\n"
       "A line that no rule selects begins with a blank. Other lines begin with '-'. Each\n"
       "rule that applies follows, and after it its output with '+'. Nothing is stored.\n"
       "Exit codes: 0 done, 1 a line cannot be parsed, 2 usage, 3 configuration"},
      settings);
  std::vector<std::string> words;
  std::string sink;
  program.words(&words, "explain [FILE]; without FILE, or with -: standard input");
  program.option("--sink", &sink, "NAME", "The rules of [sink.NAME] instead of the server's");
  if (const auto code = program.start(argc, argv, [&] { return options.check(); })) return *code;
  if (words.empty() || words.size() > 2 || words[0] != "explain")
    return program::complain(kRulesName, Error{ErrorKind::kInvalid, "rules: usage: resmon-server rules explain [FILE]"},
                             kExitUsage);
  options.log.level = "warn";
  if (Status applied = options.log.apply(); !applied)
    return program::complain(kRulesName, applied.error(), kExitConfiguration);
  return explain(options, sink, program.config_file(), words.size() == 2 ? words[1] : std::string());
}

}  // namespace resmon::server
