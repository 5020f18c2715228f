// Each column is one or more packed pieces (pack.h):
//   times    scale (10^0 … 10^9 ns, what all times are multiples of), then differences, zigzag
//   levels   a byte each: the level, and 16 where the line was cut
//   units    varint count, texts; then the number of each line's, a byte each where there are up to 256
//   pids     differences to the last line of the same unit, zigzag; all of the first unit, then of the next
//   messages texts.h
//   fields   names, lists of names, the list of each line; then the values of each name (texts.h)
//   filter   of the words of units, messages and values (words.h)

#include "logs/block.h"

#include <algorithm>
#include <unordered_map>

#include "base/crc32c.h"
#include "logs/bytes.h"
#include "logs/pack.h"
#include "logs/words.h"

namespace resmon::logs {

namespace {

constexpr std::uint8_t kCut = 0x10;
constexpr std::size_t kMostNameBytes = 4096;

void put_id(std::string& out, std::uint32_t id, std::size_t count) {
  if (count <= 256)
    out += static_cast<char>(id);
  else
    put_varint(out, id);
}
std::uint32_t get_id(Reader& reader, std::size_t count) {
  const std::uint64_t id = count <= 256 ? reader.u8() : reader.varint();
  if (id >= count) reader.fail();
  return id < count ? static_cast<std::uint32_t>(id) : 0;
}

void add_words(std::string_view text, std::vector<std::uint64_t>& hashes) {
  for_words(text, [&](std::string_view word) {
    if (!is_number(word)) hashes.push_back(word_hash(word));
  });
}

// Numbers by text, in the order in which they came.
template <class Key>
struct Numbers {
  std::unordered_map<Key, std::uint32_t> known;
  std::vector<Key> order;
  std::uint32_t operator()(const Key& key) {
    const auto [at, fresh] = known.try_emplace(key, static_cast<std::uint32_t>(order.size()));
    if (fresh) order.push_back(key);
    return at->second;
  }
};

std::uint64_t difference(UnixNanos a, UnixNanos b) {
  return static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b);
}

void encode_times(std::span<const logline::Line> lines, int level, std::string& out) {
  std::int64_t scale = 1'000'000'000;
  for (const logline::Line& line : lines)
    while (scale > 1 && line.time % scale != 0) scale /= 10;
  std::string raw;
  put_varint(raw, static_cast<std::uint64_t>(scale));
  UnixNanos last = 0;
  for (const logline::Line& line : lines) {
    put_varint(raw, zigzag(static_cast<std::int64_t>(difference(line.time / scale, last))));
    last = line.time / scale;
  }
  pack(raw, level, out);
}

void encode_levels(std::span<const logline::Line> lines, int level, std::string& out) {
  std::string raw;
  for (const logline::Line& line : lines)
    raw += static_cast<char>(static_cast<std::uint8_t>(line.level) | (line.cut ? kCut : 0U));
  pack(raw, level, out);
}

void encode_units(std::span<const logline::Line> lines, const std::vector<std::uint32_t>& unit_of,
                  const std::vector<std::string_view>& units, int level, std::string& out) {
  std::string raw;
  put_varint(raw, units.size());
  for (const std::string_view unit : units) put_text(raw, unit);
  if (units.size() > 1)
    for (std::size_t i = 0; i < lines.size(); ++i) put_id(raw, unit_of[i], units.size());
  pack(raw, level, out);
}

// Unit after unit, because the pids of one have something in common.
void encode_pids(std::span<const logline::Line> lines, const std::vector<std::uint32_t>& unit_of, std::size_t units,
                 int level, std::string& out) {
  std::vector<std::string> of_unit(units);
  std::vector<std::uint32_t> last(units, 0);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::uint32_t& before = last[unit_of[i]];
    put_varint(of_unit[unit_of[i]], zigzag(static_cast<std::int64_t>(lines[i].pid) - before));
    before = lines[i].pid;
  }
  std::string raw;
  for (const std::string& one : of_unit) raw += one;
  pack(raw, level, out);
}

void encode_fields(std::span<const logline::Line> lines, int level, std::string& out,
                   std::vector<std::uint64_t>& hashes) {
  Numbers<std::string_view> names;
  Numbers<std::string> lists;  // of names, as their bytes
  std::vector<std::vector<std::string_view>> values;
  std::vector<std::uint32_t> list_of;
  std::string list;
  bool any = false;
  for (const logline::Line& line : lines) {
    list.clear();
    for (const logline::Field& field : line.fields) {
      const std::uint32_t name = names(field.name);
      if (name == values.size()) values.emplace_back();
      values[name].push_back(field.value);
      put_varint(list, name);
    }
    any |= !line.fields.empty();
    list_of.push_back(lists(list));
  }
  if (!any) return;
  std::string raw;
  put_varint(raw, names.order.size());
  for (const std::string_view name : names.order) put_text(raw, name);
  put_varint(raw, lists.order.size());
  for (const std::string& one : lists.order) put_text(raw, one);
  for (const std::uint32_t id : list_of) put_id(raw, id, lists.order.size());
  pack(raw, level, out);
  for (const auto& column : values) encode_texts(column, level, out, hashes);
}

Unexpected<Error> damaged(const char* what) {
  return fail(ErrorKind::kDamaged, std::string("a block's ") + what + " cannot be decoded");
}

}  // namespace

std::size_t text_bytes_of(const logline::Line& line) {
  std::size_t bytes = line.message.size();
  for (const logline::Field& field : line.fields) bytes += field.value.size();
  return bytes;
}

BlockInfo encode_block(std::string_view host, std::string_view source, std::span<const logline::Line> lines, int level,
                       std::string& out) {
  BlockInfo info;
  info.host = host;
  info.source = source;
  info.lines = lines.size();
  info.first_time = info.last_time = lines.front().time;
  Numbers<std::string_view> units;
  std::vector<std::uint32_t> unit_of;
  std::vector<std::string_view> messages;
  unit_of.reserve(lines.size());
  messages.reserve(lines.size());
  for (const logline::Line& line : lines) {
    info.first_time = std::min(info.first_time, line.time);
    info.last_time = std::max(info.last_time, line.time);
    info.text_bytes += text_bytes_of(line);
    ++info.levels[std::min<std::size_t>(static_cast<std::size_t>(line.level), kLevels - 1)];
    unit_of.push_back(units(line.unit));
    messages.push_back(line.message);
  }
  std::vector<std::uint64_t> hashes;
  for (const std::string_view unit : units.order) add_words(unit, hashes);
  const auto column = [&](Column which, auto encode) {
    const std::size_t before = out.size();
    encode();
    info.column_bytes[which] = static_cast<std::uint32_t>(out.size() - before);
    info.checksums[which] = crc32c(std::string_view(out).substr(before));
  };
  column(kTimes, [&] { encode_times(lines, level, out); });
  column(kLevelsAndCuts, [&] { encode_levels(lines, level, out); });
  column(kUnits, [&] { encode_units(lines, unit_of, units.order, level, out); });
  column(kPids, [&] { encode_pids(lines, unit_of, units.order.size(), level, out); });
  column(kMessages, [&] { encode_texts(messages, level, out, hashes); });
  column(kFields, [&] { encode_fields(lines, level, out, hashes); });
  column(kFilter, [&] { out += WordFilter::build(hashes); });
  return info;
}

void encode_header(const BlockInfo& info, std::string& out) {
  std::string body;
  put_text(body, info.host);
  put_text(body, info.source);
  put_varint(body, info.lines);
  put_varint(body, info.text_bytes);
  put_varint(body, zigzag(info.first_time));
  put_varint(body, difference(info.last_time, info.first_time));
  put_varint(body, info.through);
  for (const std::uint64_t lines : info.levels) put_varint(body, lines);
  for (std::size_t i = 0; i < kColumns; ++i) {
    put_varint(body, info.column_bytes[i]);
    put_u32(body, info.checksums[i]);
  }
  put_text(out, body);
}

Result<BlockInfo> decode_header(std::string_view& bytes) {
  Reader outer(bytes);
  Reader reader(outer.text());
  BlockInfo info;
  const auto name = [&] {
    const std::string_view text = reader.text();
    if (text.size() > kMostNameBytes) reader.fail();
    return std::string(reader.ok() ? text : std::string_view());
  };
  info.host = name();
  info.source = name();
  info.lines = reader.varint(kBlockLines);
  info.text_bytes = reader.varint(kMostBlockTextBytes);
  info.first_time = unzigzag(reader.varint());
  info.last_time = static_cast<UnixNanos>(static_cast<std::uint64_t>(info.first_time) + reader.varint());
  info.through = reader.varint();
  for (std::uint64_t& lines : info.levels) lines = reader.varint(info.lines);
  for (std::size_t i = 0; i < kColumns; ++i) {
    info.column_bytes[i] = static_cast<std::uint32_t>(reader.varint(kMaxUnpackedBytes));
    info.checksums[i] = reader.u32();
  }
  if (!outer.ok() || !reader.done() || info.lines == 0 || info.last_time < info.first_time) return damaged("header");
  bytes.remove_prefix(bytes.size() - outer.remaining());
  return info;
}

Status BlockLines::add(const BlockInfo& info, Column column, std::string_view bytes, const LineFilter* filter,
                       const std::vector<bool>& keep) {
  if (bytes.size() != info.column_bytes[column] || crc32c(bytes) != info.checksums[column])
    return fail(ErrorKind::kDamaged, "a block's column fails its checksum");
  bytes_ += bytes.size();
  switch (column) {
    case kTimes:
      RESMON_TRY(add_times(info, bytes));
      break;
    case kLevelsAndCuts:
      RESMON_TRY(add_levels(info, bytes));
      break;
    case kUnits:
      RESMON_TRY(add_units(info, bytes));
      break;
    case kPids:
      RESMON_TRY(add_pids(info, bytes));
      break;
    case kMessages: {
      RESMON_ASSIGN(messages_, decode_texts(bytes, info.lines, kMostBlockTextBytes, filter,
                                            filter != nullptr ? &left_out_ : nullptr, keep));
      if (!bytes.empty()) return damaged("messages");
      bytes_ += messages_.bytes.size() + 8 * messages_.ends.size();
      break;
    }
    case kFields:
      RESMON_TRY(add_fields(info, bytes));
      break;
    case kFilter:
      break;
  }
  has_ = static_cast<ColumnSet>(has_ | column_bit(column));
  return {};
}

Status BlockLines::add_times(const BlockInfo& info, std::string_view bytes) {
  RESMON_ASSIGN(const std::string raw, unpack(bytes));
  Reader reader(raw);
  const std::uint64_t scale = reader.varint(1'000'000'000);
  times_.reserve(std::min<std::size_t>(info.lines, raw.size()));
  std::uint64_t time = 0;
  for (std::size_t i = 0; i < info.lines && reader.ok(); ++i) {
    time += static_cast<std::uint64_t>(unzigzag(reader.varint()));
    times_.push_back(static_cast<UnixNanos>(time * scale));
  }
  if (!reader.done() || !bytes.empty()) return damaged("times");
  bytes_ += 8 * times_.size();
  return {};
}

Status BlockLines::add_levels(const BlockInfo& info, std::string_view bytes) {
  RESMON_ASSIGN(const std::string raw, unpack(bytes));
  if (raw.size() != info.lines || !bytes.empty()) return damaged("levels");
  levels_.reserve(raw.size());
  cuts_.reserve(raw.size());
  for (const char c : raw) {
    const auto value = static_cast<std::uint8_t>(c);
    if ((value & 0x0fU) >= kLevels) return damaged("levels");
    levels_.push_back(static_cast<logline::Level>(value & 0x0fU));
    cuts_.push_back((value & kCut) != 0);
  }
  bytes_ += 2 * raw.size();
  return {};
}

Status BlockLines::add_units(const BlockInfo& info, std::string_view bytes) {
  RESMON_ASSIGN(const std::string raw, unpack(bytes));
  Reader reader(raw);
  const auto count = static_cast<std::size_t>(reader.varint(info.lines));
  for (std::size_t i = 0; i < count && reader.ok(); ++i) units_.emplace_back(reader.text());
  if (count == 0) return damaged("units");
  unit_of_.reserve(info.lines);
  for (std::size_t i = 0; i < info.lines && reader.ok(); ++i)
    unit_of_.push_back(count == 1 ? 0 : get_id(reader, count));
  if (!reader.done() || !bytes.empty()) return damaged("units");
  bytes_ += raw.size() + 4 * unit_of_.size();
  return {};
}

Status BlockLines::add_pids(const BlockInfo& info, std::string_view bytes) {
  if ((has_ & column_bit(kUnits)) == 0) return fail(ErrorKind::kInternal, "pids are read after units");
  RESMON_ASSIGN(const std::string raw, unpack(bytes));
  Reader reader(raw);
  // Where the next pid of each unit goes.
  std::vector<std::vector<std::uint32_t>> lines_of(units_.size());
  for (std::size_t i = 0; i < unit_of_.size(); ++i) lines_of[unit_of_[i]].push_back(static_cast<std::uint32_t>(i));
  pids_.resize(info.lines);
  for (const auto& lines : lines_of) {
    std::uint32_t before = 0;
    for (const std::uint32_t i : lines) {
      before = static_cast<std::uint32_t>(before + static_cast<std::uint64_t>(unzigzag(reader.varint())));
      pids_[i] = before;
    }
    if (!reader.ok()) break;
  }
  if (!reader.done() || !bytes.empty()) return damaged("pids");
  bytes_ += 4 * pids_.size();
  return {};
}

Status BlockLines::add_fields(const BlockInfo& info, std::string_view bytes) {
  list_of_.assign(info.lines, 0);
  if (bytes.empty()) return lists_.assign(1, {}), first_value_.assign(info.lines, 0), Status();
  RESMON_ASSIGN(const std::string raw, unpack(bytes));
  Reader reader(raw);
  const auto names = static_cast<std::size_t>(reader.varint(reader.remaining()));
  for (std::size_t i = 0; i < names && reader.ok(); ++i) names_.emplace_back(reader.text());
  const auto lists = static_cast<std::size_t>(reader.varint(info.lines));
  for (std::size_t i = 0; i < lists && reader.ok(); ++i) {
    Reader list(reader.text());
    lists_.emplace_back();
    while (list.ok() && list.remaining() > 0) {
      const std::uint64_t name = list.varint();
      if (name >= names || lists_.back().size() >= logline::kMaxFields) return damaged("fields");
      lists_.back().push_back(static_cast<std::uint32_t>(name));
    }
    if (!list.ok()) return damaged("fields");
  }
  if (lists == 0) return damaged("fields");
  std::vector<std::uint32_t> counts(names, 0);
  for (std::size_t i = 0; i < info.lines && reader.ok(); ++i) {
    list_of_[i] = get_id(reader, lists);
    first_value_.push_back(static_cast<std::uint32_t>(value_of_.size()));
    if (!reader.ok()) break;
    for (const std::uint32_t name : lists_[list_of_[i]]) value_of_.emplace_back(name, counts[name]++);
    if (value_of_.size() > logline::kMaxAllFields + kBlockLines) return damaged("fields");
  }
  if (!reader.done()) return damaged("fields");
  bytes_ += raw.size() + 8 * value_of_.size();
  for (const std::uint32_t count : counts) {
    RESMON_ASSIGN(Texts values, decode_texts(bytes, count, kMostBlockTextBytes));
    bytes_ += values.bytes.size() + 8 * values.ends.size();
    values_.push_back(std::move(values));
  }
  return bytes.empty() ? Status() : damaged("fields");
}

std::vector<bool> BlockLines::accepted_elsewhere(const LineAutomaton& automaton) const {
  const auto accepts = [&](std::string_view text) { return automaton.accepts(automaton.run(automaton.start(), text)); };
  std::vector<bool> units, out(unit_of_.size(), false);
  for (const std::string& unit : units_) units.push_back(accepts(unit));
  std::vector<std::vector<bool>> values(values_.size());
  for (std::size_t name = 0; name < values_.size(); ++name)
    for (std::size_t i = 0; i < values_[name].size(); ++i) values[name].push_back(accepts(values_[name][i]));
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = units[unit_of_[i]];
    const std::size_t fields = lists_[list_of_[i]].size();
    for (std::size_t k = 0; k < fields && !out[i]; ++k) {
      const auto [name, value] = value_of_[first_value_[i] + k];
      out[i] = values[name][value];
    }
  }
  return out;
}

logline::Line BlockLines::line(std::size_t i, std::vector<logline::Field>& fields) const {
  logline::Line out;
  const auto has = [&](Column column) { return (has_ & column_bit(column)) != 0; };
  if (has(kTimes)) out.time = times_[i];
  if (has(kLevelsAndCuts)) {
    out.level = levels_[i];
    out.cut = cuts_[i];
  }
  if (has(kUnits)) out.unit = units_[unit_of_[i]];
  if (has(kPids)) out.pid = pids_[i];
  if (has(kMessages)) out.message = messages_[i];
  if (has(kFields)) {
    fields.clear();
    const auto& list = lists_[list_of_[i]];
    for (std::size_t k = 0; k < list.size(); ++k) {
      const auto [name, value] = value_of_[first_value_[i] + k];
      fields.push_back({names_[name], values_[name][value]});
    }
    out.fields = fields;
  }
  return out;
}

}  // namespace resmon::logs
