#include "influxd.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/src.hpp>
#include <chrono>
#include <filesystem>
#include <random>
#include <string_view>
#include <thread>
#include <vector>

#include "sink/endpoint.h"

namespace resmon::tests {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// One that nobody has now, from below the range out of which the kernel takes the ports of outgoing connections.
std::uint16_t free_port() {
  asio::io_context context;
  std::random_device dice;
  while (true) {
    const auto port = static_cast<std::uint16_t>(15000 + dice() % 17000);
    tcp::acceptor acceptor(context, tcp::v4());
    boost::system::error_code error;
    acceptor.bind(tcp::endpoint(asio::ip::make_address("127.0.0.1"), port), error);
    if (!error) return port;
  }
}

}  // namespace

Influxd::Influxd(bool auth) : auth_(auth), http_port_(free_port()), rpc_port_(free_port()) {
  std::string name = (std::filesystem::temp_directory_path() / "resmon-influxd-XXXXXX").string();
  if (::mkdtemp(name.data()) != nullptr) folder_ = name;
}

Influxd::~Influxd() {
  kill();
  if (!folder_.empty()) std::filesystem::remove_all(folder_);
}

bool Influxd::installed() {
  return ::access("/usr/bin/influxd", X_OK) == 0;
}

bool Influxd::start() {
  std::vector<std::string> environment{
      "PATH=/usr/bin:/bin",
      "HOME=" + folder_,
      "INFLUXDB_REPORTING_DISABLED=true",
      "INFLUXDB_BIND_ADDRESS=127.0.0.1:" + std::to_string(rpc_port_),
      "INFLUXDB_META_DIR=" + folder_ + "/meta",
      "INFLUXDB_DATA_DIR=" + folder_ + "/data",
      "INFLUXDB_DATA_WAL_DIR=" + folder_ + "/wal",
      "INFLUXDB_HTTP_BIND_ADDRESS=127.0.0.1:" + std::to_string(http_port_),
      "INFLUXDB_MONITOR_STORE_ENABLED=false",
      "INFLUXDB_HTTP_LOG_ENABLED=false",
      std::string("INFLUXDB_HTTP_AUTH_ENABLED=") + (auth_ ? "true" : "false"),
  };
  std::vector<char*> envp;
  for (std::string& variable : environment) envp.push_back(variable.data());
  envp.push_back(nullptr);
  std::string program = "/usr/bin/influxd";
  std::string run = "run";
  std::string option = "-config";
  std::string config = "/dev/null";
  char* const argv[] = {program.data(), run.data(), option.data(), config.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, (folder_ + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  const int failed = ::posix_spawn(&pid_, program.c_str(), &actions, nullptr, argv, envp.data());
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    pid_ = -1;
    return false;
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::chrono::steady_clock::now() < end) {
    if (request("GET", "/ping").first == 204) return true;
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

void Influxd::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::pair<int, std::string> Influxd::request(const std::string& method, const std::string& target,
                                             const std::string& body) {
  asio::io_context context;
  tcp::socket socket(context);
  boost::system::error_code code;
  socket.connect(tcp::endpoint(asio::ip::make_address("127.0.0.1"), http_port_), code);
  if (code) return {0, ""};
  // HTTP/1.0: the answer ends with the connection.
  const std::string text =
      method + " " + target + " HTTP/1.0\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  asio::write(socket, asio::buffer(text), code);
  std::string answer;
  asio::read(socket, asio::dynamic_buffer(answer), code);
  const std::size_t head = answer.find("\r\n\r\n");
  if (head == std::string::npos) return {0, ""};
  return {std::stoi(answer.substr(answer.find(' ') + 1)), answer.substr(head + 4)};
}

boost::json::value Influxd::query(const std::string& database, const std::string& statement, const std::string& user) {
  const auto [status, body] = request(
      "POST", "/query?epoch=ns&db=" + sink::percent_encode(database) + user + "&q=" + sink::percent_encode(statement));
  boost::system::error_code code;
  boost::json::value value = boost::json::parse(body, code);
  return code ? boost::json::value() : value;
}

boost::json::array Influxd::rows(const std::string& database, const std::string& statement) {
  const boost::json::value answer = query(database, statement);
  boost::system::error_code code;
  const boost::json::value* values = answer.find_pointer("/results/0/series/0/values", code);
  return values != nullptr && values->is_array() ? values->as_array() : boost::json::array();
}

}  // namespace resmon::tests
