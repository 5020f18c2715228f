#include "peer/catalog.h"

#include <algorithm>

#include "base/bytes.h"
#include "peer/parts.h"

namespace resmon::peer {

namespace {

constexpr std::uint32_t kCatalogMagic = 0x31435252;  // "RRC1"

}  // namespace

void put_tags(ByteWriter& out, const std::vector<metric::Tag>& tags) {
  out.varint(tags.size());
  for (const metric::Tag& tag : tags) {
    out.text(tag.key);
    out.text(tag.value);
  }
}

std::vector<metric::Tag> take_tags(ByteReader& in) {
  std::vector<metric::Tag> tags;
  for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left) {
    metric::Tag tag;
    tag.key = in.text();
    tag.value = in.text();
    tags.push_back(std::move(tag));
  }
  return tags;
}

std::string write_catalog_request(const CatalogRequest& request) {
  std::string bytes;
  ByteWriter out(bytes);
  out.u32(kCatalogMagic);
  out.text(request.measurement);
  out.u64(request.version);
  return bytes;
}

Result<CatalogRequest> read_catalog_request(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.u32() != kCatalogMagic) return fail(ErrorKind::kUnsupported, "not a question of this version");
  CatalogRequest request;
  request.measurement = in.text();
  request.version = in.u64();
  if (in.failed() || in.remaining() > 0) return fail(ErrorKind::kInvalid, "a question that breaks off");
  return request;
}

std::string write_catalog(const CatalogAnswer& answer) {
  std::string bytes;
  ByteWriter out(bytes);
  out.u32(kCatalogMagic);
  out.u64(answer.version);
  out.u8(answer.same ? 1 : 0);
  out.varint(answer.measurements.size());
  for (const std::string& name : answer.measurements) out.text(name);
  out.varint(answer.fields.size());
  for (const metric::Field& field : answer.fields) {
    out.text(field.name);
    out.u8(static_cast<std::uint8_t>(field.type));
  }
  out.varint(answer.series.size());
  for (const std::vector<metric::Tag>& tags : answer.series) put_tags(out, tags);
  return bytes;
}

std::string write_catalog(std::uint64_t version, const store::Listing& listing) {
  std::string bytes;
  ByteWriter out(bytes);
  out.u32(kCatalogMagic);
  out.u64(version);
  out.u8(0);
  out.varint(0);
  out.varint(listing.columns().size());
  for (const store::Column& column : listing.columns()) {
    out.text(column.name);
    out.u8(static_cast<std::uint8_t>(column.type));
  }
  out.varint(listing.groups().size());
  for (const store::Group* const group : listing.groups()) put_tags(out, group->tags);
  return bytes;
}

Result<CatalogAnswer> read_catalog(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.u32() != kCatalogMagic) return fail(ErrorKind::kUnsupported, "not an answer of this version");
  CatalogAnswer answer;
  answer.version = in.u64();
  answer.same = in.u8() != 0;
  for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left) answer.measurements.emplace_back(in.text());
  for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left) {
    metric::Field field;
    field.name = in.text();
    const std::uint8_t type = in.u8();
    if (type >= metric::kFieldTypeCount) return fail(ErrorKind::kInvalid, "a field of no known type");
    field.type = static_cast<metric::FieldType>(type);
    answer.fields.push_back(std::move(field));
  }
  for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left) answer.series.push_back(take_tags(in));
  if (in.failed() || in.remaining() > 0) return fail(ErrorKind::kInvalid, "a list of series that breaks off");
  const auto by_name = [](const metric::Field& a, const metric::Field& b) { return a.name < b.name; };
  if (!std::is_sorted(answer.series.begin(), answer.series.end()) ||
      !std::is_sorted(answer.fields.begin(), answer.fields.end(), by_name))
    return fail(ErrorKind::kInvalid, "a list of series out of order");
  return answer;
}

}  // namespace resmon::peer
