// HTTPS: who is trusted, and who is not.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <cstdlib>

#include "sink/sink.h"
#include "sink/test_support.h"

namespace resmon::sink {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using ::testing::HasSubstr;
using testing::ListSource;
using testing::Running;
using namespace std::chrono_literals;

// Answers 204 to every request, over TLS, one connection at a time.
class TlsServer {
 public:
  explicit TlsServer(const std::string& pem)
      : tls_(asio::ssl::context::tls_server),
        acceptor_(context_, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)) {
    tls_.use_certificate_chain_file(pem);
    tls_.use_private_key_file(pem, asio::ssl::context::pem);
    thread_ = std::thread([this] { serve(); });
  }
  ~TlsServer() {
    stopped_ = true;
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
    if (const int fd = live_; fd >= 0) ::shutdown(fd, SHUT_RDWR);
    thread_.join();
  }
  std::string port() const { return std::to_string(acceptor_.local_endpoint().port()); }

 private:
  void serve() {
    while (!stopped_) {
      boost::system::error_code code;
      tcp::socket socket(context_);
      acceptor_.accept(socket, code);
      if (code) return;
      live_ = socket.native_handle();
      asio::ssl::stream<tcp::socket> stream(std::move(socket), tls_);
      stream.handshake(asio::ssl::stream_base::server, code);
      std::string buffer;
      while (!code) {
        // The bodies of these tests are of one known line.
        asio::read_until(stream, asio::dynamic_buffer(buffer), "\r\n\r\n", code);
        if (buffer.starts_with("POST")) asio::read_until(stream, asio::dynamic_buffer(buffer), "m f=true 1\n", code);
        buffer.clear();
        if (!code) asio::write(stream, asio::buffer(testing::reply(204, "")), code);
      }
      live_ = -1;
    }
  }

  asio::io_context context_;
  asio::ssl::context tls_;
  tcp::acceptor acceptor_;
  std::atomic<bool> stopped_ = false;
  std::atomic<int> live_ = -1;
  std::thread thread_;
};

class TlsTest : public ::testing::Test {
 protected:
  // A self-signed certificate for `name` and its key, in one file.
  std::string certificate(const std::string& name) {
    const std::string path = ::testing::TempDir() + "tls_test_" + name + ".pem";
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=" + name +
        " -addext subjectAltName=DNS:" + name + " -keyout " + path + ".key -out " + path + " 2>/dev/null && cat " +
        path + ".key >> " + path;
    EXPECT_EQ(std::system(command.c_str()), 0);
    return path;
  }

  void SetUp() override {
    const auto id = schemas_.intern({"m", {}, {{"f", metric::FieldType::kBoolean}}}).value();
    auto batch = std::make_shared<metric::Batch>();
    batch->add(id, 1, 1).set(0, true);
    source_.add(batch);
    options_.linger = 5ms;
    options_.retry_first = 5ms;
    options_.retry_last = 20ms;
    options_.gzip = false;
    options_.resend_window = {};
  }

  metric::SchemaTable schemas_;
  ListSource source_;
  SinkOptions options_;
};

TEST_F(TlsTest, AServerWithATrustedCertificateGetsTheData) {
  const std::string pem = certificate("localhost");
  TlsServer server(pem);
  options_.url = "https://localhost:" + server.port();
  options_.tls_ca_file = pem;
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.commits_all()) << sink.stats().last_error;
}

TEST_F(TlsTest, AnUnknownCertificateGetsNothing) {
  TlsServer server(certificate("localhost"));
  options_.url = "https://localhost:" + server.port();
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.becomes([&] { return sink.stats().retries >= 2; }));
  EXPECT_EQ(sink.stats().state, State::kDenied);
  EXPECT_THAT(sink.stats().last_error, HasSubstr("TLS: certificate refused: self-signed certificate"));
  EXPECT_EQ(source_.committed(), 0U);
}

TEST_F(TlsTest, ACertificateForAnotherNameGetsNothing) {
  const std::string pem = certificate("elsewhere");
  TlsServer server(pem);
  options_.url = "https://localhost:" + server.port();
  options_.tls_ca_file = pem;
  {
    Running sink(options_, schemas_, source_);
    ASSERT_TRUE(sink.becomes([&] { return sink.stats().retries >= 2; }));
    EXPECT_NE(sink.stats().state, State::kOk);
    EXPECT_THAT(sink.stats().last_error, HasSubstr("TLS"));
    EXPECT_EQ(source_.committed(), 0U);
  }
  options_.tls_verify = false;  // said so, it is trusted
  source_.rewind();
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.commits_all()) << sink.stats().last_error;
}

TEST_F(TlsTest, APlainServerBehindHttpsIsNoServer) {
  testing::FakeServer server([](const testing::Request&) { return testing::reply(204, ""); });
  options_.url = "https://localhost:" + std::to_string(server.port());
  options_.timeout = 200ms;
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.becomes([&] { return sink.stats().retries >= 1; }));
  EXPECT_EQ(source_.committed(), 0U);
}

}  // namespace
}  // namespace resmon::sink
