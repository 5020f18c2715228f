#include <cstdio>

#include "agent.h"
#include "base/exit_code.h"
#include "base/log.h"
#include "collect/collector.h"
#include "program/program.h"

namespace {

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

int run(const char* name, const resmon::client::Options& options) {
  using namespace resmon;
  try {
    if (Status ran = client::run_agent(options, RESMON_VERSION); !ran)
      return program::complain(name, ran.error(),
                               ran.error().kind == ErrorKind::kUnavailable ? kExitFailed : kExitConfiguration);
  } catch (const std::exception& e) {
    log::error("client", "ended by an unexpected exception", {{"reason", e.what()}});
    return kExitFailed;
  }
  return kExitDone;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace resmon;
  constexpr const char* kName = "resmon-client";
  client::Options options;
  config::Settings settings("client");
  options.declare(settings);
  program::Program program(
      {kName, RESMON_VERSION, "Samples this machine and sends the samples and log lines to a resmon server.",
       "Examples:\n"
       "  resmon-client --once                          one gather as Influx lines\n"
       "  resmon-client --config /etc/resmon/client.toml\n"
       "  resmon-client --server monitor:7411 --token-file token --set tls.enabled=true\n"
       "Every key can also be given as RESMON_… in the environment (--print-config lists them)."},
      settings);
  bool once = false;
  bool list = false;
  bool explain = false;
  std::int64_t settle_milliseconds = 1000;
  program.flag("--once", &once,
               "Print one gather as Influx lines and exit; exit code 1 when a collector, script or scrape failed");
  program.integer("--once-after", &settle_milliseconds, "MS",
                  "With --once: how long rates are measured (default 1000)");
  program.flag("--explain", &explain,
               "With --once: print each line as it was gathered, and what the rules of [[rule]] make of it");
  program.flag("--list-collectors", &list, "List the collectors and exit");
  program.shorthand("--server", "client.servers", "ADDR[,ADDR...]", "Short for client.servers");
  program.shorthand("--token-file", "client.token_file", "FILE", "Short for client.token_file");
  program.shorthand("--host", "client.host", "NAME", "Short for client.host");
  program.shorthand("--interval", "client.interval", "TIME", "Short for client.interval");
  const auto check = [&]() -> Status {
    RESMON_TRY(options.check());
    if (!once && !list && options.token_file.empty())
      return fail(ErrorKind::kInvalid, "client.token_file is not set: the server refuses clients without a token");
    return {};
  };
  if (const auto code = program.start(argc, argv, check)) return *code;

  if (list) {
    list_collectors(options);
    return kExitDone;
  }
  if (Status applied = options.log.apply(); !applied)
    return program::complain(kName, applied.error(), kExitConfiguration);
  if (explain && !once)
    return program::complain(kName, Error{ErrorKind::kInvalid, "--explain needs --once"}, kExitConfiguration);
  if (once) {
    const auto settle = std::chrono::milliseconds(std::max<std::int64_t>(settle_milliseconds, 1));
    if (Status printed =
            client::print_once(options, settle, explain ? file_name(program.config_file()) : std::string());
        !printed)
      return program::complain(kName, printed.error(), kExitFailed);
    return kExitDone;
  }
  return run(kName, options);
}
