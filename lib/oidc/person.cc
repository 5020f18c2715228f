#include "oidc/person.h"

#include <algorithm>

#include "oidc/json_members.h"

namespace resmon::oidc {

namespace {

// By the whole name first, because some providers have addresses for names; then by its parts.
const boost::json::value* find_claim(const boost::json::object& claims, const std::string& name) {
  if (const auto* const whole = claims.if_contains(name)) return whole;
  const std::size_t dot = name.find('.');
  if (dot == std::string::npos) return nullptr;
  const auto* const outer = claims.if_contains(name.substr(0, dot));
  const auto* const object = outer == nullptr ? nullptr : outer->if_object();
  return object == nullptr ? nullptr : find_claim(*object, name.substr(dot + 1));
}

bool is_true(const boost::json::value* value) {
  return value != nullptr &&
         ((value->is_bool() && value->get_bool()) || (value->is_string() && value->get_string() == "true"));
}

// A provider may let people write any address into their profile: that is no proof of who they are.
bool is_proven(const boost::json::object& claims, const std::string& name) {
  return name != "email" || is_true(claims.if_contains("email_verified"));
}

bool has_claim(const boost::json::object& claims, const std::string& name, const std::vector<std::string>& values) {
  const boost::json::value* const claim = values.empty() ? nullptr : find_claim(claims, name);
  if (claim == nullptr || !is_proven(claims, name)) return false;
  const auto is_wanted = [&](std::string_view one) {
    return std::find(values.begin(), values.end(), one) != values.end();
  };
  return any_text(*claim, is_wanted) || (claim->is_bool() && claim->get_bool() && is_wanted("true"));
}

}  // namespace

Result<Person> person_of(const boost::json::object& claims, const Options& options) {
  const boost::json::value* const name = find_claim(claims, options.user_claim);
  if (name == nullptr || !name->is_string())
    return fail(ErrorKind::kInvalid, "there is no claim " + options.user_claim + " with the user's name");
  Person out;
  out.name.assign(name->get_string().data(), name->get_string().size());
  out.subject = text_member(claims, "sub");
  if (const std::string problem = auth::user_name_problem(out.name); !problem.empty())
    return fail(ErrorKind::kInvalid, "the claim " + options.user_claim + ": " + problem);
  if (!is_proven(claims, options.user_claim))
    return fail(ErrorKind::kInvalid, "the claim email counts with email_verified only");
  if (has_claim(claims, options.admin_claim, options.admin_values))
    out.role = auth::Role::kAdmin;
  else if (!has_claim(claims, options.viewer_claim, options.viewer_values)) {
    const auto role = auth::parse_role(options.default_role);
    if (!role) return fail(ErrorKind::kDenied, "no claim gives a role");
    out.role = *role;
  }
  return out;
}

bool lacks_claims(const boost::json::object& claims, const Options& options) {
  const auto lacks = [&](const std::string& name) {
    return find_claim(claims, name) == nullptr || (name == "email" && !claims.contains("email_verified"));
  };
  return lacks(options.user_claim) || (!options.admin_values.empty() && lacks(options.admin_claim)) ||
         (!options.viewer_values.empty() && lacks(options.viewer_claim));
}

}  // namespace resmon::oidc
