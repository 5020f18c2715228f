#include <algorithm>
#include <cstdio>
#include <optional>

#include "agent.h"
#include "base/exit_code.h"
#include "base/log.h"
#include "collect/collector.h"
#include "program/program.h"
#include "rules.h"

namespace {

constexpr const char* kName = "resmon-client";

// For messages.
std::string file_name(const std::string& path) {
  return path.empty() ? "client.toml" : path.substr(path.rfind('/') + 1);
}

void list_collectors(const resmon::client::Options& options) {
  for (const resmon::collect::CollectorInfo& info : resmon::collect::registry()) {
    const auto& one = options.collectors.find(info.name)->second;
    std::printf("%-16s %-4s %s\n", std::string(info.name).c_str(), one.enabled ? "on" : "off",
                std::string(info.description).c_str());
  }
  for (const auto& [name, script] : options.scripts)
    std::printf("script.%-9s %-4s %s\n", name.c_str(), script.enabled ? "on" : "off",
                script.command.empty() ? "" : script.command.front().c_str());
}

int run(const resmon::client::Options& options) {
  using namespace resmon;
  try {
    if (Status ran = client::run_agent(options, RESMON_VERSION); !ran)
      return program::complain(kName, ran.error(),
                               ran.error().kind == ErrorKind::kUnavailable ? kExitFailed : kExitConfiguration);
  } catch (const std::exception& e) {
    log::error("client", "ended by an unexpected exception", {{"reason", e.what()}});
    return kExitFailed;
  }
  return kExitDone;
}

// What the command line asks for besides the options.
struct Asked {
  bool once = false;
  bool list = false;
  bool explain = false;
  std::int64_t settle_milliseconds = 1000;
  std::string config_file;
};

// The exit code when there is no more to do. By itself, because what it needs is a fifth of the client's memory.
std::optional<int> read_command_line(int argc, char** argv, resmon::client::Options& options, Asked& asked) {
  using namespace resmon;
  config::Settings settings("client");
  options.declare(settings);
  program::Program program(
      {kName, RESMON_VERSION, "Samples this machine and sends the samples and log lines to a resmon server.",
       "Examples:\n"
       "  resmon-client --once                          one gather as Influx lines\n"
       "  resmon-client --config /etc/resmon/client.toml\n"
       "  resmon-client --server monitor:7411 --token-file token --set tls.enabled=true\n"
       "Every key can also be set in the environment as RESMON_TABLE_KEY (--print-config lists the keys)."},
      settings);
  program.flag("--once", &asked.once,
               "Print one gather as Influx lines and exit; exit code 1 when a collector, script or scrape failed");
  program.integer("--once-after", &asked.settle_milliseconds, "MS",
                  "With --once: how long rates are measured (default 1000)");
  program.flag("--explain", &asked.explain,
               "With --once: print each line as it was gathered, and what the rules of [[rule]] make of it");
  program.flag("--list-collectors", &asked.list, "List the collectors and exit");
  program.shorthand("--server", "client.servers", "ADDR[,ADDR...]", "Short for client.servers");
  program.shorthand("--token-file", "client.token_file", "FILE", "Short for client.token_file");
  program.shorthand("--host", "client.host", "NAME", "Short for client.host");
  program.shorthand("--interval", "client.interval", "TIME", "Short for client.interval");
  const auto check = [&]() -> Status {
    RESMON_TRY(options.check());
    if (!asked.once && !asked.list && options.token_file.empty())
      return fail(ErrorKind::kInvalid, "client.token_file is not set: the server refuses clients without a token");
    return {};
  };
  program.warnings([&] {
    std::vector<std::string> out = client::doubtful_names(options);
    for (std::string& one : options.unstartable_scripts()) out.push_back(std::move(one));
    return Result<std::vector<std::string>>(std::move(out));
  });
  const auto code = program.start(argc, argv, check);
  asked.config_file = program.config_file();
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace resmon;
  client::Options options;
  Asked asked;
  if (const auto code = read_command_line(argc, argv, options, asked)) return *code;

  if (asked.list) {
    list_collectors(options);
    return kExitDone;
  }
  if (Status applied = options.log.apply(); !applied)
    return program::complain(kName, applied.error(), kExitConfiguration);
  if (asked.explain && !asked.once)
    return program::complain(kName, Error{ErrorKind::kInvalid, "--explain needs --once"}, kExitConfiguration);
  if (asked.once) {
    const auto settle = std::chrono::milliseconds(std::max<std::int64_t>(asked.settle_milliseconds, 1));
    if (Status printed =
            client::print_once(options, settle, asked.explain ? file_name(asked.config_file) : std::string());
        !printed)
      return program::complain(kName, printed.error(), kExitFailed);
    return kExitDone;
  }
  return run(options);
}
