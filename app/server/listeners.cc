#include "listeners.h"

#include <thread>

#include "access_control.h"
#include "fleet/fleet.h"
#include "host_list.h"
#include "http/server.h"
#include "ingest/log.h"
#include "ingest/server.h"
#include "inputs.h"
#include "logs/store.h"
#include "net/listener.h"
#include "options.h"
#include "row_intake.h"
#include "rules.h"
#include "series_room.h"
#include "set_aside.h"
#include "storage.h"

namespace resmon::server {

namespace asio = boost::asio;

namespace {

// Passes the clients' events to the fleet, and their refused samples to a file.
class Witness final : public ingest::Observer {
 public:
  Witness(fleet::Fleet& fleet, SetAside& refused) : fleet_(fleet), refused_(refused) {}
  void connected(const ingest::ClientInfo& client) override { fleet_.connected(client); }
  void heard_from(const std::string& host) override { fleet_.heard_from(host); }
  void disconnected(const std::string& host) override { fleet_.disconnected(host); }
  void set_aside(const std::string& host, const metric::Batch& rows, const std::string& reason) override {
    refused_.add(rows, reason);
    fleet_.refused(host, rows.samples(), reason);
  }

 private:
  fleet::Fleet& fleet_;
  SetAside& refused_;
};

}  // namespace

Listeners::Listeners(const Options& options, const std::string& software, Storage& storage, RowIntake& intake,
                     HostList& hosts, AccessControl& access, const net::TokenSet& tokens, const net::TlsContext& tls)
    : options_(options),
      storage_(storage),
      intake_(intake),
      access_(access),
      observer_(std::make_unique<Witness>(hosts.fleet(), intake.ingest_refused())) {
  ingest::ServerOptions for_clients = options_.ingest_options(software, options_.listen_tls ? tls : nullptr);
  for_clients.also_lets_in = [this](const net::TokenSet::Digest& token) { return access_.lets_write(token); };
  for_clients.find_no_room = [this](const metric::Batch& batch, std::vector<std::size_t>& no_room) {
    return intake_.series_room().find(batch, no_room);
  };
  if (intake_.rules() != nullptr)
    for_clients.rules = [this](metric::Batch& batch, std::vector<std::size_t>& row_ends) {
      intake_.rules()->apply(batch, &row_ends);
    };
  for_clients.lines = storage_.logs();
  clients_ = std::make_unique<ingest::Server>(std::move(for_clients), tokens, storage_.schemas(), storage_.journal(),
                                              *observer_);
  http::ServerOptions for_http = options_.http_options(options_.http_tls ? tls : nullptr);
  for_http.guard = &access_.guard();
  http_ = std::make_unique<http::Server>(std::move(for_http), tokens, router_);
}

Listeners::~Listeners() = default;

Status Listeners::open(const std::vector<asio::io_context*>& contexts) {
  RESMON_ASSIGN(const net::Address client_address, net::parse_address(options_.listen_address));
  RESMON_ASSIGN(client_listener_,
                net::Listener::open(client_address, contexts, "clients", options_.proxying("listen.proxies")));
  RESMON_ASSIGN(const net::Address http_address, net::parse_address(options_.http_address));
  RESMON_ASSIGN(http_listener_, net::Listener::open(http_address, contexts, "http", options_.proxying("http.proxies")));
  return {};
}

Status Listeners::open_inputs(const std::vector<asio::io_context*>& contexts) {
  inputs_ = std::make_unique<Inputs>(options_, storage_.schemas(), storage_.journal(), intake_.row_writer());
  std::vector<asio::any_io_executor> executors;
  for (asio::io_context* const context : contexts) executors.emplace_back(context->get_executor());
  return inputs_->open(executors, [this](std::string_view token) { return access_.input_access(token); });
}

void Listeners::start() {
  client_listener_->start([this](asio::ip::tcp::socket socket, const asio::ip::tcp::endpoint& from) {
    clients_->accept(std::move(socket), from);
  });
  http_listener_->start([this](asio::ip::tcp::socket socket, const asio::ip::tcp::endpoint& from) {
    // A long answer goes out piece by piece: none of them is to wait for the acknowledgement of the one before.
    boost::system::error_code ignored;
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    http_->accept(std::move(socket), from);
  });
  inputs_->start();
}

void Listeners::change_tokens(const net::TokenSet& tokens) {
  http_->change_tokens(tokens);
  clients_->change_tokens(tokens);
}

void Listeners::stop_accepting() {
  client_listener_->stop();
  http_listener_->stop();
  inputs_->stop();
}

void Listeners::end_sessions(std::chrono::steady_clock::time_point until) {
  clients_->stop();
  while ((clients_->sessions() > 0 || !inputs_->stopped()) && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

void Listeners::stop_http() {
  http_->stop();
}

asio::thread_pool& Listeners::http_workers() {
  return http_->workers();
}

std::uint64_t Listeners::proxy_headers_refused() const {
  return client_listener_->refused() + http_listener_->refused();
}

std::string Listeners::client_address() const {
  return net::to_string(client_listener_->address());
}

std::string Listeners::http_address() const {
  return net::to_string(http_listener_->address());
}

}  // namespace resmon::server
