// Streams over loopback: deadlines, ends, and what is said when TLS fails.

#include "net/stream.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>
#include <fstream>
#include <optional>

#include "net/test_support.h"

namespace resmon::net {
namespace {

using asio::ip::tcp;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

class StreamTest : public ::testing::Test {
 protected:
  // A Result has no default, which co_spawn wants of what a coroutine returns.
  template <class T>
  static asio::awaitable<void> keep(asio::awaitable<T> work, std::shared_ptr<std::optional<T>> result) {
    *result = co_await std::move(work);
  }
  template <class T>
  std::shared_ptr<std::optional<T>> begin(asio::awaitable<T> work) {
    auto result = std::make_shared<std::optional<T>>();
    asio::co_spawn(io_, keep(std::move(work), result), asio::detached);
    io_.restart();
    return result;
  }
  // Runs `work` on the test's context and returns its result.
  template <class T>
  T run(asio::awaitable<T> work) {
    const auto result = begin(std::move(work));
    const auto until = steady_clock::now() + 30s;
    while (!*result && steady_clock::now() < until) io_.run_one_for(100ms);
    return std::move(**result);
  }

  Address here(const std::string& host = "127.0.0.1") const { return {host, acceptor_.local_endpoint().port()}; }
  asio::awaitable<Result<std::shared_ptr<Stream>>> connect(Timeout timeout = 10s) {
    return Stream::connect(here(), nullptr, "", timeout);
  }
  // Connected at both ends, without TLS.
  std::pair<std::shared_ptr<Stream>, std::shared_ptr<Stream>> both() {
    auto client = run(connect());
    EXPECT_TRUE(client.has_value());
    return {*client, std::make_shared<Stream>(acceptor_.accept(), nullptr)};
  }

  asio::io_context io_;
  tcp::acceptor acceptor_{io_, {asio::ip::make_address("127.0.0.1"), 0}};
};

TEST_F(StreamTest, BytesGoBothWaysAndEnd) {
  auto [client, server] = both();
  EXPECT_TRUE(run(client->write("ping", 1s)).has_value());
  char buffer[16];
  EXPECT_EQ(run(server->read_some(buffer, 1s)).value(), 4U);
  EXPECT_EQ(std::string_view(buffer, 4), "ping");
  EXPECT_TRUE(client->peer().starts_with("127.0.0.1:"));
  client->close();
  EXPECT_EQ(run(server->read_some(buffer, 1s)).value(), 0U);
  EXPECT_FALSE(run(client->write("more", 1s)).has_value());
}

TEST_F(StreamTest, AReadThatIsLateTimesOutAndCloses) {
  auto [client, server] = both();
  char buffer[16];
  const auto begin = steady_clock::now();
  const auto late = run(server->read_some(buffer, 50ms));
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(late.error().message, "read: timed out");
  EXPECT_GE(steady_clock::now() - begin, 45ms);
  EXPECT_EQ(run(client->read_some(buffer, 1s)).value(), 0U);
}

TEST_F(StreamTest, AWriteThatNobodyReadsTimesOut) {
  auto [client, server] = both();
  const std::string much(64U << 20U, 'x');
  const auto late = run(client->write(much, 100ms));
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().message, "write: timed out");
}

TEST_F(StreamTest, ADeadlineThatWasMetDoesNotCloseLater) {
  auto [client, server] = both();
  char buffer[16];
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(run(client->write("x", 20ms)).has_value());
    ASSERT_EQ(run(server->read_some(buffer, 20ms)).value(), 1U);
  }
  io_.restart();
  io_.run_for(60ms);
  ASSERT_TRUE(run(client->write("y", 1s)).has_value());
  EXPECT_EQ(run(server->read_some(buffer, 1s)).value(), 1U);
}

TEST_F(StreamTest, StopReadingEndsReadsButNotWrites) {
  auto [client, server] = both();
  char buffer[16];
  const auto waiting = begin(server->read_some(buffer, 10s));
  io_.run_for(20ms);
  ASSERT_FALSE(*waiting);
  server->stop_reading();
  io_.run_for(200ms);
  ASSERT_TRUE(*waiting);
  EXPECT_EQ((*waiting)->value(), 0U);
  ASSERT_TRUE(run(server->write("bye", 1s)).has_value());
  EXPECT_EQ(run(client->read_some(buffer, 1s)).value(), 3U);
}

TEST_F(StreamTest, ARefusedConnectionSaysWhere) {
  const Address gone = here();
  acceptor_.close();
  const auto refused = run(Stream::connect(gone, nullptr, "", 5s));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().message, to_string(gone) + ": connect: Connection refused");
}

TEST_F(StreamTest, ANameThatDoesNotExist) {
  const auto unknown = run(Stream::connect({"no-such-host.invalid", 1}, nullptr, "", 20s));
  ASSERT_FALSE(unknown.has_value());
  EXPECT_TRUE(unknown.error().message.starts_with("no-such-host.invalid:1: resolve: ")) << unknown.error().message;
}

TEST_F(StreamTest, ConnectingToABlackHoleTimesOut) {
  testing::BlackHole hole;
  const auto begin = steady_clock::now();
  const auto late = run(Stream::connect({"127.0.0.1", hole.port()}, nullptr, "", 100ms));
  ASSERT_FALSE(late.has_value());
  EXPECT_TRUE(late.error().message.ends_with(": connect: timed out")) << late.error().message;
  EXPECT_LT(steady_clock::now() - begin, 5s);
}

TEST_F(StreamTest, ConnectingCanBeAbandoned) {
  testing::BlackHole hole;
  Dialing connecting;
  connecting.abandon();  // nothing is under way: nothing happens
  const auto waiting = begin(Stream::connect({"127.0.0.1", hole.port()}, nullptr, "", 20s, &connecting));
  io_.run_for(30ms);
  ASSERT_FALSE(*waiting);
  connecting.abandon();
  io_.run_for(5s);
  ASSERT_TRUE(*waiting);
  EXPECT_FALSE((*waiting)->has_value());
  connecting.abandon();
}

// A certificate of its own making, in a folder that goes with it.
class Certificates {
 public:
  Certificates() : folder_(::testing::TempDir() + "/certificates." + std::to_string(::getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~Certificates() { std::filesystem::remove_all(folder_); }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  // Self-signed, valid from `from` to `to` seconds after now, for `names` ("DNS:localhost,IP:127.0.0.1").
  ServerTlsOptions make(const std::string& name, const char* names, long from = -3600, long to = 3600,
                        EVP_PKEY* key = EVP_EC_gen("P-256")) {
    X509* x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(x), from);
    X509_gmtime_adj(X509_getm_notAfter(x), to);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names);
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(x, key, EVP_sha256());
    const ServerTlsOptions out{folder_ + "/" + name + ".pem", folder_ + "/" + name + ".key"};
    std::FILE* file = std::fopen(out.certificate_file.c_str(), "w");
    PEM_write_X509(file, x);
    std::fclose(file);
    file = std::fopen(out.key_file.c_str(), "w");
    PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    X509_free(x);
    EVP_PKEY_free(key);
    return out;
  }
  std::string write(const std::string& name, const std::string& content) {
    std::ofstream(folder_ + "/" + name) << content;
    return folder_ + "/" + name;
  }

 private:
  std::string folder_;
  long serial_ = 0;
};

class TlsTest : public StreamTest {
 protected:
  asio::awaitable<void> serve(TlsContext tls) {
    auto stream = std::make_shared<Stream>(co_await acceptor_.async_accept(asio::use_awaitable), std::move(tls));
    served_ = co_await stream->handshake(2s);
    shaken_ = true;
    if (!served_) co_return;
    char buffer[16];
    auto got = co_await stream->read_some(buffer, 2s);
    if (got && *got > 0) (void)co_await stream->write(std::string_view(buffer, *got), 2s);
    co_await stream->close_gently(1s);
  }
  asio::awaitable<void> end_after_handshake(TlsContext tls, bool gently) {
    auto stream = std::make_shared<Stream>(co_await acceptor_.async_accept(asio::use_awaitable), std::move(tls));
    if (!co_await stream->handshake(2s)) co_return;
    if (gently) co_await stream->close_gently(100ms);
    stream->close();
  }
  // What the client says of the handshake; an echo through it is checked.
  asio::awaitable<std::string> shake_hands(TlsContext tls, std::string host, std::string server_name) {
    auto client = co_await Stream::connect(here(host), std::move(tls), std::move(server_name), 5s);
    if (!client) co_return client.error().message;
    if (Status written = co_await (*client)->write("echo", 1s); !written) co_return written.error().message;
    char buffer[16];
    auto got = co_await (*client)->read_some(buffer, 2s);
    co_return got&& std::string_view(buffer, *got) == "echo" ? "" : "no echo";
  }
  std::string outcome(const ServerTlsOptions& server, const std::string& ca_file, const std::string& server_name = "",
                      const std::string& host = "127.0.0.1") {
    asio::co_spawn(io_, serve(make_server_tls(server).value()), asio::detached);
    shaken_ = false;
    std::string said = run(shake_hands(make_client_tls({ca_file}).value(), host, server_name));
    for (int i = 0; i < 100 && !shaken_; ++i) io_.run_one_for(100ms);
    return said;
  }

  Certificates certificates_;
  Status served_;
  bool shaken_ = false;  // or not: the server's side has ended
};

TEST_F(TlsTest, ATrustedCertificateForTheAddressOrTheNameIsTaken) {
  const auto good = certificates_.make("good", "DNS:localhost,DNS:*.example.org,IP:127.0.0.1");
  EXPECT_EQ(outcome(good, good.certificate_file), "");
  EXPECT_EQ(outcome(good, good.certificate_file, "localhost"), "");
  EXPECT_EQ(outcome(good, good.certificate_file, "monitor.example.org"), "");
  EXPECT_EQ(outcome(good, good.certificate_file, "", "localhost"), "");
}

TEST_F(TlsTest, WhatIsWrongWithACertificateIsSaid) {
  const auto good = certificates_.make("good", "DNS:localhost,IP:127.0.0.1");
  const auto other = certificates_.make("other", "DNS:localhost,IP:127.0.0.1");
  const auto elsewhere = certificates_.make("elsewhere", "DNS:elsewhere.example,IP:127.0.0.2");
  const auto future = certificates_.make("future", "IP:127.0.0.1", 3600, 7200);
  const auto expect = [&](const std::string& said, const char* wanted) {
    EXPECT_NE(said.find("127.0.0.1:"), std::string::npos) << said;
    EXPECT_NE(said.find(": TLS handshake: certificate verify failed (" + std::string(wanted)), std::string::npos)
        << said;
    EXPECT_FALSE(served_.has_value());
  };
  expect(outcome(other, good.certificate_file), "self-signed certificate)");
  expect(outcome(elsewhere, elsewhere.certificate_file), "IP address mismatch)");
  expect(outcome(elsewhere, elsewhere.certificate_file, "localhost"), "hostname mismatch)");
  expect(outcome(elsewhere, elsewhere.certificate_file, "sub.elsewhere.example"), "hostname mismatch)");
  expect(outcome(future, future.certificate_file), "certificate is not yet valid)");
}

TEST_F(TlsTest, AnEndThatAnybodyCanHaveMadeIsKnown) {
  const auto good = certificates_.make("good", "IP:127.0.0.1");
  for (const bool gently : {true, false}) {
    asio::co_spawn(io_, end_after_handshake(make_server_tls(good).value(), gently), asio::detached);
    const auto client = run(Stream::connect(here(), make_client_tls({good.certificate_file}).value(), "", 5s));
    ASSERT_TRUE(client.has_value());
    char buffer[16];
    EXPECT_FALSE((*client)->cut_off());
    EXPECT_EQ(run((*client)->read_some(buffer, 5s)).value(), 0U);
    EXPECT_EQ((*client)->cut_off(), !gently);
  }
}

TEST_F(TlsTest, AServerThatSaysNothingTimesOut) {
  const auto good = certificates_.make("good", "IP:127.0.0.1");
  const auto late = run(Stream::connect(here(), make_client_tls({good.certificate_file}).value(), "", 100ms));
  ASSERT_FALSE(late.has_value());
  EXPECT_TRUE(late.error().message.ends_with(": TLS handshake: timed out")) << late.error().message;
}

TEST_F(TlsTest, AClientThatDoesNotSpeakTls) {
  const auto good = certificates_.make("good", "IP:127.0.0.1");
  asio::co_spawn(io_, serve(make_server_tls(good).value()), asio::detached);
  auto client = run(connect());
  ASSERT_TRUE(client.has_value());
  ASSERT_TRUE(run((*client)->write("GET / HTTP/1.1\r\n\r\n", 1s)).has_value());
  for (int i = 0; i < 100 && !shaken_; ++i) io_.run_one_for(100ms);
  ASSERT_FALSE(served_.has_value());
  EXPECT_EQ(served_.error().message, "TLS handshake: http request");
}

// With a key that RSA key exchange could use as well.
TEST_F(TlsTest, OnlyForwardSecretSuitesAreOffered) {
  const auto rsa = certificates_.make("rsa", "IP:127.0.0.1", -3600, 3600, EVP_RSA_gen(2048));
  const auto outcome_with = [&](const char* suites) {
    const TlsContext client = make_client_tls({rsa.certificate_file}).value();
    SSL_CTX_set_max_proto_version(client->native_handle(), TLS1_2_VERSION);
    EXPECT_EQ(SSL_CTX_set_cipher_list(client->native_handle(), suites), 1) << suites;
    asio::co_spawn(io_, serve(make_server_tls(rsa).value()), asio::detached);
    shaken_ = false;
    std::string said = run(shake_hands(client, "127.0.0.1", ""));
    for (int i = 0; i < 100 && !shaken_; ++i) io_.run_one_for(100ms);
    return said;
  };
  for (const char* suites : {"AES128-GCM-SHA256", "AES256-SHA256", "kRSA", "ECDHE-RSA-AES128-SHA256"})
    EXPECT_NE(outcome_with(suites), "") << suites;
  for (const char* suites : {"ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305", "DEFAULT"})
    EXPECT_EQ(outcome_with(suites), "") << suites;
  const auto ecdsa = certificates_.make("ecdsa", "IP:127.0.0.1");
  for (const ServerTlsOptions& options : {rsa, ecdsa}) {
    const TlsContext server = make_server_tls(options).value();
    const STACK_OF(SSL_CIPHER)* suites = SSL_CTX_get_ciphers(server->native_handle());
    ASSERT_GT(sk_SSL_CIPHER_num(suites), 3);
    for (int i = 0; i < sk_SSL_CIPHER_num(suites); ++i) {
      const SSL_CIPHER* const suite = sk_SSL_CIPHER_value(suites, i);
      const int exchange = SSL_CIPHER_get_kx_nid(suite);
      EXPECT_TRUE(exchange == NID_kx_ecdhe || exchange == NID_kx_any) << SSL_CIPHER_get_name(suite);
      EXPECT_EQ(SSL_CIPHER_is_aead(suite), 1) << SSL_CIPHER_get_name(suite);
    }
  }
}

TEST_F(TlsTest, FilesThatAreWrongAreNamed) {
  const auto good = certificates_.make("good", "IP:127.0.0.1");
  const auto other = certificates_.make("other", "IP:127.0.0.1");
  const auto expired = certificates_.make("expired", "IP:127.0.0.1", -7200, -3600);
  const std::string junk = certificates_.write("junk.pem", "not PEM\n");
  const auto said = [](const ServerTlsOptions& options) { return make_server_tls(options).error().message; };
  EXPECT_NE(said({"/not/there.pem", good.key_file}).find("/not/there.pem"), std::string::npos);
  EXPECT_NE(said({junk, good.key_file}).find(junk), std::string::npos);
  EXPECT_NE(said({good.certificate_file, junk}).find(junk), std::string::npos);
  EXPECT_NE(said({good.certificate_file, other.key_file}).find("does not belong"), std::string::npos);
  EXPECT_NE(said(expired).find("has expired"), std::string::npos);
  EXPECT_NE(said({"", ""}).find("is not set"), std::string::npos);
  EXPECT_NE(make_client_tls({junk}).error().message.find(junk), std::string::npos);
  EXPECT_TRUE(make_client_tls({}).has_value());
}

}  // namespace
}  // namespace resmon::net
