// What a provider sends: an ID token, a set of keys, its description, and claims. The first byte chooses.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "oidc/base64url.h"
#include "oidc/discovery.h"
#include "oidc/json_members.h"
#include "oidc/keys.h"
#include "oidc/person.h"
#include "oidc/tickets.h"
#include "oidc/token.h"

namespace {

using namespace resmon::oidc;

// One key of each kind, of which nobody has the other half: no signature is right.
const KeySet& fuzz_keys() {
  static const KeySet keys =
      KeySet::parse(R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                    R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})")
          .value();
  return keys;
}

void fuzz_token(std::string_view text) {
  const auto token = Token::parse(text);
  if (!token) return;
  (void)fuzz_keys().verify(token->algorithm, token->key_id, token->signed_text, token->signature);
  (void)check_claims(token->claims, {"https://id.example.org", "resmon", "nonce", "access", 1'800'000'000});
}

void fuzz_claims(std::string_view text) {
  const auto claims = parse_object(text, kMostDocumentBytes);
  if (!claims) return;
  Options options;
  options.user_claim = "a.b";
  options.admin_claim = "c.d.e";
  options.admin_values = {"x", "true"};
  options.default_role = "viewer";
  if (const auto person = person_of(*claims, options); person && !resmon::auth::user_name_problem(person->name).empty())
    std::abort();
  (void)lacks_claims(*claims, options);
  (void)check_claims(*claims, {"https://id.example.org", "resmon", "nonce", "access", 1'800'000'000});
}

void fuzz_keys_of(std::string_view text) {
  const auto keys = KeySet::parse(text);
  if (!keys) return;
  if (keys->size() > kMostKeys) std::abort();
  // A signature of nothing but zeros is right with no key.
  for (const Algorithm algorithm : {Algorithm::kRs256, Algorithm::kPs256, Algorithm::kEs256})
    if (keys->verify(algorithm, "", "text", std::string(64, '\0'))) std::abort();
}

void fuzz_discovery(std::string_view text) {
  const auto parsed = Discovery::parse(text, "https://id.example.org");
  if (!parsed) return;
  for (const std::string& address : {parsed->authorization_endpoint, parsed->token_endpoint, parsed->jwks_uri})
    if (!address.starts_with("https://") || address.find('\n') != std::string::npos) std::abort();
}

void fuzz_base64(std::string_view text) {
  if (const auto bytes = from_base64url(text); bytes && base64url(*bytes) != text) std::abort();
  if (from_base64url(base64url(text)) != text) std::abort();
  static Tickets tickets;
  if (tickets.use(text, text.substr(0, 43), 1)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 't':
      fuzz_token(text);
      break;
    case 'k':
      fuzz_keys_of(text);
      break;
    case 'd':
      fuzz_discovery(text);
      break;
    case 'c':
      fuzz_claims(text);
      break;
    default:
      fuzz_base64(text);
  }
  return 0;
}
