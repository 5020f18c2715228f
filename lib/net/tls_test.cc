#include "net/tls.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace resmon::net {
namespace {

namespace fs = std::filesystem;

class SystemAuthoritiesTest : public ::testing::Test {
 protected:
  SystemAuthoritiesTest() {
    ::unsetenv("SSL_CERT_FILE");
    ::unsetenv("SSL_CERT_DIR");
    char folder[] = "/tmp/resmon-tls.XXXXXX";
    root_ = ::mkdtemp(folder);
  }
  ~SystemAuthoritiesTest() override {
    ::unsetenv("SSL_CERT_FILE");
    fs::remove_all(root_);
  }
  void put(const std::string& path) {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << "x";
  }
  // Without the root.
  std::string found() const {
    const SystemAuthorities at = system_authorities(root_);
    const std::string path = at.directory + at.file;
    return path.starts_with(root_) ? path.substr(root_.size()) : path;
  }
  std::string root_;
};

TEST_F(SystemAuthoritiesTest, EachFamilyHasItsPlace) {
  EXPECT_EQ(found(), "");
  for (const char* path : {"/etc/ca-certificates/extracted/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
                           "/etc/ssl/ca-bundle.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
                           "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt"}) {
    put(path);
    EXPECT_EQ(found(), path);
  }
  // A folder is of use only with names by hash: RedHat's has bundles.
  put("/etc/pki/tls/certs/5ed36f99.0");
  EXPECT_EQ(found(), "/etc/pki/tls/certs");
  for (const char* name : {"5ED36F99.0", "5ed36f9.0", "5ed36f99.", "5ed36f99.r0", "ca.pem"}) {
    put(std::string("/etc/ssl/certs/") + name);
    EXPECT_EQ(found(), "/etc/pki/tls/certs") << name;
  }
  put("/etc/ssl/certs/5ed36f99.12");
  EXPECT_EQ(found(), "/etc/ssl/certs");
  ::setenv("SSL_CERT_FILE", "/my.pem", 1);
  EXPECT_EQ(found(), "/my.pem");
}

}  // namespace
}  // namespace resmon::net
