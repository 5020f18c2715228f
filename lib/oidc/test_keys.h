#pragma once

// For tests: keys made for them, tokens signed with these, and the set in which a provider has the public halves.

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <boost/json.hpp>
#include <memory>
#include <string>

#include "oidc/base64url.h"

namespace resmon::oidc::testing {

class SigningKey {
 public:
  static SigningKey rsa(unsigned bits = 2048) { return SigningKey(EVP_RSA_gen(bits), false); }
  static SigningKey curve(const char* name = "P-256") { return SigningKey(EVP_EC_gen(name), true); }

  // A member of `keys`.
  boost::json::object jwk(const std::string& id) const {
    boost::json::object out{{"kid", id}, {"use", "sig"}, {"kty", curve_ ? "EC" : "RSA"}};
    if (curve_) {
      out["crv"] = "P-256";
      out["x"] = number(OSSL_PKEY_PARAM_EC_PUB_X, 32);
      out["y"] = number(OSSL_PKEY_PARAM_EC_PUB_Y, 32);
    } else {
      out["n"] = number(OSSL_PKEY_PARAM_RSA_N, 0);
      out["e"] = number(OSSL_PKEY_PARAM_RSA_E, 0);
    }
    return out;
  }

  std::string sign(const std::string& algorithm, const std::string& text) const {
    EVP_MD_CTX* const context = EVP_MD_CTX_new();
    EVP_PKEY_CTX* of_key = nullptr;
    EVP_DigestSignInit(context, &of_key, EVP_sha256(), nullptr, key_.get());
    if (algorithm == "PS256") {
      EVP_PKEY_CTX_set_rsa_padding(of_key, RSA_PKCS1_PSS_PADDING);
      EVP_PKEY_CTX_set_rsa_pss_saltlen(of_key, RSA_PSS_SALTLEN_DIGEST);
    }
    const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
    std::size_t size = 0;
    EVP_DigestSign(context, nullptr, &size, bytes, text.size());
    std::string out(size, '\0');
    EVP_DigestSign(context, reinterpret_cast<unsigned char*>(out.data()), &size, bytes, text.size());
    EVP_MD_CTX_free(context);
    out.resize(size);
    return curve_ ? side_by_side(out) : out;
  }

  // In the compact form. `header` has what is to be there besides alg and kid.
  std::string token(const std::string& algorithm, const std::string& id, const boost::json::object& claims,
                    boost::json::object header = {}) const {
    header["alg"] = algorithm;
    if (!id.empty()) header["kid"] = id;
    const std::string text =
        base64url(boost::json::serialize(header)) + '.' + base64url(boost::json::serialize(claims));
    return text + '.' + base64url(sign(algorithm, text));
  }

 private:
  SigningKey(EVP_PKEY* key, bool curve) : key_(key, EVP_PKEY_free), curve_(curve) {}

  std::string number(const char* parameter, int bytes) const {
    BIGNUM* value = nullptr;
    EVP_PKEY_get_bn_param(key_.get(), parameter, &value);
    const int size = bytes == 0 ? BN_num_bytes(value) : bytes;
    std::string out(static_cast<std::size_t>(size), '\0');
    BN_bn2binpad(value, reinterpret_cast<unsigned char*>(out.data()), size);
    BN_free(value);
    return base64url(out);
  }

  static std::string side_by_side(const std::string& der) {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    ECDSA_SIG* const pair = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
    std::string out(64, '\0');
    BN_bn2binpad(ECDSA_SIG_get0_r(pair), reinterpret_cast<unsigned char*>(out.data()), 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), reinterpret_cast<unsigned char*>(out.data()) + 32, 32);
    ECDSA_SIG_free(pair);
    return out;
  }

  std::shared_ptr<EVP_PKEY> key_;
  bool curve_;
};

inline std::string key_set(const boost::json::array& keys) {
  return boost::json::serialize(boost::json::object{{"keys", keys}});
}

}  // namespace resmon::oidc::testing
