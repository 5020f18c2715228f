#include "oidc/keys.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <boost/json.hpp>
#include <optional>

#include "oidc/base64url.h"
#include "oidc/json_members.h"

namespace resmon::oidc {

namespace {

constexpr std::size_t kLeastModulusBits = 2048;
constexpr std::size_t kMostModulusBytes = 1024;  // checking takes a millisecond at that size
constexpr std::size_t kMostExponentBytes = 4;
constexpr std::size_t kCoordinateBytes = 32;  // of P-256

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* one) const {
    Free(one);
  }
};
using PublicKey = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using Number = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using ParameterBuilder = std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM_free>>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Number number_of(std::string_view bytes) {
  return Number(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
}

PublicKey make_key(const char* type, OSSL_PARAM_BLD* builder) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* made = nullptr;
  if (parameters == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1)
    made = nullptr;
  ERR_clear_error();
  return PublicKey(made);
}

PublicKey rsa_key(const boost::json::object& json) {
  const auto modulus = from_base64url(text_member(json, "n"));
  const auto exponent = from_base64url(text_member(json, "e"));
  if (!modulus || !exponent || modulus->size() > kMostModulusBytes || exponent->size() > kMostExponentBytes)
    return nullptr;
  const Number n = number_of(*modulus);
  const Number e = number_of(*exponent);
  if (n == nullptr || e == nullptr || BN_num_bits(n.get()) < static_cast<int>(kLeastModulusBits) ||
      BN_is_odd(n.get()) == 0 || BN_is_odd(e.get()) == 0 || BN_is_one(e.get()) != 0)
    return nullptr;
  const ParameterBuilder builder(OSSL_PARAM_BLD_new());
  if (builder == nullptr || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
    return nullptr;
  return make_key("RSA", builder.get());
}

// A point that is not on the curve makes no key.
PublicKey curve_key(const boost::json::object& json) {
  if (text_member(json, "crv") != "P-256") return nullptr;
  const auto x = from_base64url(text_member(json, "x"));
  const auto y = from_base64url(text_member(json, "y"));
  if (!x || !y || x->size() != kCoordinateBytes || y->size() != kCoordinateBytes) return nullptr;
  const std::string point = '\x04' + *x + *y;
  const ParameterBuilder builder(OSSL_PARAM_BLD_new());
  if (builder == nullptr ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1)
    return nullptr;
  return make_key("EC", builder.get());
}

// OpenSSL takes the two numbers of a signature as DER, and tokens have them side by side.
std::optional<std::string> der_of(std::string_view signature) {
  if (signature.size() != 2 * kCoordinateBytes) return std::nullopt;
  Number r = number_of(signature.substr(0, kCoordinateBytes));
  Number s = number_of(signature.substr(kCoordinateBytes));
  const std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG_free>> pair(ECDSA_SIG_new());
  if (r == nullptr || s == nullptr || pair == nullptr || ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1)
    return std::nullopt;
  (void)r.release();  // they are the pair's now
  (void)s.release();
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &der);
  if (size <= 0) return std::nullopt;
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

bool is_signature(EVP_PKEY* key, Algorithm algorithm, std::string_view text, std::string_view signature) {
  std::string der;
  if (algorithm == Algorithm::kEs256) {
    auto converted = der_of(signature);
    if (!converted) return false;
    der = *std::move(converted);
    signature = der;
  }
  const DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* of_key = nullptr;
  bool good = context != nullptr && EVP_DigestVerifyInit(context.get(), &of_key, EVP_sha256(), nullptr, key) == 1;
  if (good && algorithm == Algorithm::kPs256)
    good = EVP_PKEY_CTX_set_rsa_padding(of_key, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(of_key, RSA_PSS_SALTLEN_DIGEST) == 1;
  good =
      good && EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text), text.size()) == 1;
  ERR_clear_error();
  return good;
}

bool may_verify(const boost::json::object& json) {
  const std::string use = text_member(json, "use");
  if (!use.empty() && use != "sig") return false;
  const boost::json::value* const operations = json.if_contains("key_ops");
  return operations == nullptr || any_text(*operations, [](std::string_view one) { return one == "verify"; });
}

}  // namespace

Result<Algorithm> parse_algorithm(std::string_view name) {
  if (name == "RS256") return Algorithm::kRs256;
  if (name == "PS256") return Algorithm::kPs256;
  if (name == "ES256") return Algorithm::kEs256;
  if (name == "none") return fail(ErrorKind::kDenied, "the ID token is not signed (alg none)");
  if (name.starts_with("HS"))
    return fail(ErrorKind::kDenied, "the ID token is signed with a shared secret (alg HS…); set RS256, PS256 or ES256");
  return fail(ErrorKind::kDenied, "the ID token is signed with an algorithm other than RS256, PS256 and ES256");
}

struct KeySet::Key {
  PublicKey key;
  bool curve = false;  // else RSA
  std::string id;
  std::string algorithm;  // empty: any of its type

  bool suits(Algorithm wanted) const {
    if (curve != (wanted == Algorithm::kEs256)) return false;
    return algorithm.empty() || algorithm == (curve ? "ES256" : wanted == Algorithm::kRs256 ? "RS256" : "PS256");
  }
};

Result<KeySet> KeySet::parse(std::string_view json) {
  RESMON_ASSIGN(const boost::json::object document, parse_object(json, kMostKeySetBytes));
  const boost::json::value* const list = document.if_contains("keys");
  if (list == nullptr || !list->is_array()) return fail(ErrorKind::kInvalid, "there is no array `keys`");
  KeySet out;
  for (const boost::json::value& one : list->get_array()) {
    if (out.keys_.size() >= kMostKeys) break;
    const boost::json::object* const members = one.if_object();
    if (members == nullptr || !may_verify(*members)) continue;
    auto key = std::make_shared<Key>();
    const std::string type = text_member(*members, "kty");
    key->curve = type == "EC";
    key->key = type == "RSA" ? rsa_key(*members) : key->curve ? curve_key(*members) : nullptr;
    key->id = text_member(*members, "kid");
    key->algorithm = text_member(*members, "alg");
    if (key->key != nullptr) out.keys_.push_back(std::move(key));
  }
  return out;
}

Status KeySet::verify(Algorithm algorithm, std::string_view id, std::string_view text,
                      std::string_view signature) const {
  std::vector<const Key*> suitable;
  for (const auto& key : keys_)
    if (key->suits(algorithm) && (id.empty() || key->id == id)) suitable.push_back(key.get());
  if (suitable.empty()) return fail(ErrorKind::kNotFound, "the provider has no key for the signature of the ID token");
  if (id.empty() && suitable.size() > 1)
    return fail(ErrorKind::kDenied, "the ID token does not name its key, and the provider has several");
  for (const Key* const key : suitable)
    if (is_signature(key->key.get(), algorithm, text, signature)) return {};
  return fail(ErrorKind::kDenied, "the signature of the ID token is wrong");
}

}  // namespace resmon::oidc
