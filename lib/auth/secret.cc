#include "auth/secret.h"
#include "base/hex.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <vector>

namespace resmon::auth {

namespace {

constexpr std::uint64_t kLog2N = 15;
constexpr std::uint32_t kR = 8;
constexpr std::uint32_t kP = 1;
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kHashBytes = 32;
constexpr std::uint64_t kMostMemoryBytes = 256U << 20U;

bool unhex(std::string_view text, std::vector<unsigned char>& out) {
  std::string bytes;
  if (!append_from_hex(text, bytes)) return false;
  out.assign(bytes.begin(), bytes.end());
  return true;
}

bool derive(std::string_view password, const std::vector<unsigned char>& salt, std::uint64_t log2n, std::uint32_t r,
            std::uint32_t p, unsigned char (&out)[kHashBytes]) {
  EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, "SCRYPT", nullptr);
  EVP_KDF_CTX* const context = kdf != nullptr ? EVP_KDF_CTX_new(kdf) : nullptr;
  EVP_KDF_free(kdf);
  if (context == nullptr) return false;
  std::uint64_t n = std::uint64_t{1} << log2n;
  std::uint64_t most = kMostMemoryBytes;
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, const_cast<char*>(password.data()), password.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, const_cast<unsigned char*>(salt.data()), salt.size()),
      OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
      OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
      OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
      OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &most),
      OSSL_PARAM_construct_end()};
  const bool done = EVP_KDF_derive(context, out, sizeof out, parameters) > 0;
  EVP_KDF_CTX_free(context);
  return done;
}

void random_bytes(unsigned char* out, std::size_t size) {
  // Without randomness there is no secret: nothing sensible can be done.
  if (RAND_bytes(out, static_cast<int>(size)) != 1) throw std::runtime_error("no random bytes");
}

template <class T>
bool number(std::string_view text, T least, T most, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && out >= least && out <= most;
}

}  // namespace

Result<std::string> hash_password(std::string_view password) {
  std::vector<unsigned char> salt(kSaltBytes);
  random_bytes(salt.data(), salt.size());
  unsigned char hash[kHashBytes];
  if (!derive(password, salt, kLog2N, kR, kP, hash)) return fail(ErrorKind::kInternal, "scrypt failed");
  return "scrypt:" + std::to_string(kLog2N) + ':' + std::to_string(kR) + ':' + std::to_string(kP) + ':' +
         hex_text(salt) + ':' + hex_text(hash);
}

namespace {

struct PasswordHash {
  std::uint64_t log2n = 0;
  std::uint32_t r = 0;
  std::uint32_t p = 0;
  std::vector<unsigned char> salt;
  std::vector<unsigned char> hash;
};

bool parse(std::string_view text, PasswordHash& out) {
  std::vector<std::string_view> parts;
  for (std::string_view rest = text; parts.size() < 7;) {
    const std::size_t colon = rest.find(':');
    parts.push_back(rest.substr(0, colon));
    if (colon == std::string_view::npos) break;
    rest = rest.substr(colon + 1);
  }
  return parts.size() == 6 && parts[0] == "scrypt" && number<std::uint64_t>(parts[1], 1, kLog2N + 2, out.log2n) &&
         number<std::uint32_t>(parts[2], 1, kR, out.r) && number<std::uint32_t>(parts[3], 1, kP, out.p) &&
         unhex(parts[4], out.salt) && unhex(parts[5], out.hash) && out.hash.size() == kHashBytes;
}

}  // namespace

bool is_password_hash(std::string_view hash) {
  PasswordHash parsed;
  return parse(hash, parsed);
}

bool verify_password(std::string_view password, std::string_view hash) {
  PasswordHash wanted;
  if (password.size() > kMostPasswordBytes || !parse(hash, wanted)) return false;
  unsigned char got[kHashBytes];
  return derive(password, wanted.salt, wanted.log2n, wanted.r, wanted.p, got) &&
         CRYPTO_memcmp(got, wanted.hash.data(), sizeof got) == 0;
}

const std::string& nobodys_hash() {
  static const std::string hash =
      "scrypt:" + std::to_string(kLog2N) + ":8:1:" + random_hex(kSaltBytes) + ":" + random_hex(kHashBytes);
  return hash;
}

Digest digest_of(std::string_view token) {
  Digest out{};
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), out.data());
  return out;
}

bool same(const Digest& a, const Digest& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string to_hex(const Digest& digest) {
  return hex_text(digest);
}

Result<Digest> digest_from_hex(std::string_view text) {
  std::vector<unsigned char> bytes;
  Digest out{};
  if (!unhex(text, bytes) || bytes.size() != out.size()) return fail(ErrorKind::kInvalid, "not a SHA-256");
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

std::string random_hex(std::size_t bytes) {
  std::vector<unsigned char> random(bytes);
  random_bytes(random.data(), random.size());
  return hex_text(random);
}

std::string random_token() {
  return "rsm_" + random_hex(24);
}

std::string random_password() {
  static constexpr std::string_view kAlphabet = "abcdefghjkmnpqrstuvwxyz23456789";  // 31: no 0 O 1 l i
  std::string out;
  while (out.size() < 23) {
    if (out.size() % 6 == 5) {
      out += '-';
      continue;
    }
    unsigned char byte = 0;
    random_bytes(&byte, 1);
    if (byte < 248) out += kAlphabet[byte % 31];
  }
  return out;
}

std::string password_problem(std::string_view password, std::string_view user) {
  if (password.size() < kLeastPasswordBytes)
    return "a password has at least " + std::to_string(kLeastPasswordBytes) + " characters";
  if (password.size() > kMostPasswordBytes) return "a password has at most 1024 bytes";
  if (password == user) return "the password is the name";
  if (std::all_of(password.begin(), password.end(), [&](char c) { return c == password.front(); }))
    return "the password is one character again and again";
  return "";
}

}  // namespace resmon::auth
