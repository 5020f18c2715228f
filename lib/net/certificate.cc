#include "net/certificate.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <ctime>
#include <memory>

#include "base/file.h"

namespace resmon::net {

Result<UnixNanos> certificate_end(const std::string& certificate_file) {
  RESMON_ASSIGN(const std::string content, read_file(certificate_file, 4U << 20U));
  const std::unique_ptr<BIO, int (*)(BIO*)> memory(BIO_new_mem_buf(content.data(), static_cast<int>(content.size())),
                                                   &BIO_free);
  const std::unique_ptr<X509, void (*)(X509*)> certificate(PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr),
                                                           &X509_free);
  std::tm end{};
  if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1)
    return fail(ErrorKind::kInvalid, certificate_file + ": the certificate's end cannot be read");
  constexpr std::int64_t kMostSeconds = INT64_MAX / 1'000'000'000;  // "no end" is the year 9999
  return std::min<std::int64_t>(timegm(&end), kMostSeconds) * 1'000'000'000;
}

}  // namespace resmon::net
