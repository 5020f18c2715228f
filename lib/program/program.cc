#include "program/program.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "base/exit_code.h"
#include "base/json_text.h"
#include "program/help_text.h"

namespace resmon::program {

void LogSettings::declare(config::Settings& settings) {
  settings.choice("log.level", &level, {"debug", "info", "warn", "error"}, "The lowest level that is logged.");
  settings.choice("log.format", &format, {"text", "json"},
                  "text: one line per event, `time level component message key=value`. json: one JSON object per "
                  "event, for log collectors.");
  settings.text("log.file", &file, "The log file. Empty: standard error, for systemd, Docker and terminals.");
  settings.bytes("log.rotate_bytes", &rotate_bytes, 64U << 10U, 1U << 30U,
                 "At this size NAME.log becomes NAME.1.log and a new file is begun. Only with log.file.");
  settings.integer("log.keep_files", &keep_files, 1, 100, "How many renamed log files are kept.");
}

Status LogSettings::apply() const {
  RESMON_ASSIGN(const log::Level parsed, log::parse_level(level));
  log::Options options;
  options.level = parsed;
  options.format = format == "json" ? log::Format::kJson : log::Format::kText;
  options.file = file;
  options.rotate_bytes = rotate_bytes;
  options.keep_files = static_cast<int>(keep_files);
  return log::configure(options);
}

namespace {

constexpr std::size_t kNameColumns = 34;  // of options' names; what they mean stands behind

class Formatter : public CLI::Formatter {
 public:
  std::string make_option_desc(const CLI::Option* option) const override {
    return wrapped(option->get_description(), kTerminalColumns - kNameColumns);
  }
  // CLI11 writes "..." behind each option that may repeat, also where each takes one value.
  std::string make_option_opts(const CLI::Option* option) const override {
    const bool one_each = option->get_expected_max() > 1 && !option->get_allow_extra_args();
    return one_each ? " " + option->get_type_name() : CLI::Formatter::make_option_opts(option);
  }
};

}  // namespace

struct Program::Impl {
  Impl(Description d, config::Settings& s)
      : description(std::move(d)), settings(s), app(wrapped(description.purpose), description.name) {}

  Description description;
  config::Settings& settings;
  CLI::App app;
  std::string config_file;
  std::vector<std::string> sets;
  bool check_config = false;
  bool print_config = false;
  struct Shorthand {
    std::string key;
    std::string value;
    CLI::Option* option;
  };
  std::vector<std::unique_ptr<Shorthand>> shorthands;
  std::function<Result<std::vector<std::string>>()> warnings;
};

Program::Program(Description description, config::Settings& settings)
    : impl_(std::make_unique<Impl>(std::move(description), settings)) {
  Impl& i = *impl_;
  i.app.set_version_flag("--version", i.description.name + " " + i.description.version, "Print the version and exit");
  i.app.add_option("-c,--config", i.config_file, "Configuration file (TOML)")->type_name("FILE");
  i.app.add_option("--set", i.sets, "Set one configuration key, over file and environment; may repeat")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);  // the words after it are not its
  i.app.add_flag("--check-config", i.check_config, "Check the configuration and exit");
  i.app.add_flag("--print-config", i.print_config, "Print the commented configuration with every key and exit");
  i.app.footer(wrapped(i.description.examples) + "\n");
  i.app.formatter(std::make_shared<Formatter>());
  i.app.get_formatter()->column_width(kNameColumns);
}

Program::~Program() = default;

void Program::flag(std::string name, bool* target, std::string meaning) {
  impl_->app.add_flag(std::move(name), *target, std::move(meaning));
}

void Program::option(std::string name, std::string* target, std::string value_name, std::string meaning) {
  impl_->app.add_option(std::move(name), *target, std::move(meaning))->type_name(std::move(value_name));
}

void Program::integer(std::string name, std::int64_t* target, std::string value_name, std::string meaning) {
  impl_->app.add_option(std::move(name), *target, std::move(meaning))->type_name(std::move(value_name));
}

void Program::shorthand(std::string name, std::string key, std::string value_name, std::string meaning) {
  auto entry = std::make_unique<Impl::Shorthand>();
  entry->key = std::move(key);
  entry->option =
      impl_->app.add_option(std::move(name), entry->value, std::move(meaning))->type_name(std::move(value_name));
  impl_->shorthands.push_back(std::move(entry));
}

void Program::words(std::vector<std::string>* target, std::string meaning) {
  impl_->app.add_option("command", *target, std::move(meaning))->type_name("COMMAND");
}

void Program::warnings(std::function<Result<std::vector<std::string>>()> find) {
  impl_->warnings = std::move(find);
}

const std::string& Program::config_file() const {
  return impl_->config_file;
}

std::optional<int> Program::start(int argc, char** argv, const std::function<Status()>& check) {
  Impl& i = *impl_;
  const std::string& name = i.description.name;
  try {
    i.app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    i.app.exit(e, std::cout, std::cerr);
    return kExitDone;
  } catch (const CLI::ParseError& e) {
    std::cerr << name << ": " << printable(e.what()) << "\nTry '" << name << " --help'.\n";
    return kExitUsage;
  }
  if (i.print_config && i.config_file.empty() && i.sets.empty()) {
    std::cout << i.settings.sample();
    return kExitDone;
  }
  const auto load = [&]() -> Status {
    if (!i.config_file.empty()) RESMON_TRY(i.settings.load_file(i.config_file));
    RESMON_TRY(i.settings.load_environment());
    for (const auto& shorthand : i.shorthands)
      if (shorthand->option->count() > 0) RESMON_TRY(i.settings.set(shorthand->key + "=" + shorthand->value));
    for (const std::string& set : i.sets) RESMON_TRY(i.settings.set(set));
    if (i.print_config) return {};
    return check();
  };
  if (Status loaded = load(); !loaded) return complain(name, loaded.error(), kExitConfiguration);
  if (i.print_config) {
    std::cout << i.settings.sample();
    return kExitDone;
  }
  if (i.check_config) {
    if (i.warnings) {
      const auto found = i.warnings();
      if (!found) return complain(name, found.error(), kExitConfiguration);
      for (const std::string& one : *found) std::cerr << name << ": warning: " << printable(one) << '\n';
    }
    std::cout << name << ": configuration is good\n";
    return kExitDone;
  }
  return std::nullopt;
}

int complain(std::string_view program, const Error& error, int code) {
  std::cerr << program << ": error: " << printable(error.message) << '\n';
  return code;
}

}  // namespace resmon::program
