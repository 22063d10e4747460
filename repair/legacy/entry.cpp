// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/legacy/entry.hpp"

#include "repair/xtables.hpp"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <functional>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <string>

namespace chainkeeper::repair::legacy {

namespace {

using Bytes = std::span<const std::uint8_t>;

static_assert(longest_chain_name == XT_EXTENSION_MAXNAMELEN - 1);
static_assert(IPT_INV_SRCIP == IP6T_INV_SRCIP && IPT_INV_DSTIP == IP6T_INV_DSTIP);

// What the two families name differently.
struct Ipv4 {
    using Entry = ipt_entry;
    static constexpr std::uint8_t flag_goto = IPT_F_GOTO;
    static auto& head(auto& entry) { return entry.ip; }
};
struct Ipv6 {
    using Entry = ip6t_entry;
    static constexpr std::uint8_t flag_goto = IP6T_F_GOTO;
    static auto& head(auto& entry) { return entry.ipv6; }
};

template <typename Value>
void append(std::vector<std::uint8_t>& bytes, const Value& value)
{
    const auto* const first = static_cast<const std::uint8_t*>(static_cast<const void*>(&value));
    bytes.insert(bytes.end(), first, first + sizeof value);
}

// False where there are too few bytes. (No std::optional holds the kernel's types: they end in an array without a
// size.)
template <typename Value>
bool read(Bytes bytes, Value& value)
{
    if (bytes.size() < sizeof value)
        return false;
    std::memcpy(&value, bytes.data(), sizeof value);
    return true;
}

// ---- to the kernel

template <typename Address>
void write_prefix(Address& address, Address& mask, const Prefix& prefix)
{
    static_assert(sizeof address <= std::tuple_size_v<decltype(Prefix::address)>);
    std::memcpy(&address, prefix.address.data(), sizeof address);
    std::memset(&mask, 0xff, std::min<std::size_t>(prefix.length / 8U, sizeof mask));
}

template <typename Head>
void write_addresses(Head& head, const Rule& rule)
{
    unsigned inverted = 0;
    if (rule.source) {
        write_prefix(head.src, head.smsk, rule.source->prefix);
        inverted |= rule.source->inverted ? IPT_INV_SRCIP : 0;
    }
    if (rule.destination) {
        write_prefix(head.dst, head.dmsk, rule.destination->prefix);
        inverted |= rule.destination->inverted ? IPT_INV_DSTIP : 0;
    }
    head.invflags = static_cast<std::uint8_t>(inverted);
}

void append_match(std::vector<std::uint8_t>& bytes, const Extension& extension)
{
    xt_entry_match match{};
    match.u.user.match_size = static_cast<std::uint16_t>(sizeof match + extension.info.size());
    extension.id.name.copy(match.u.user.name, longest_chain_name);
    match.u.user.revision = static_cast<std::uint8_t>(extension.id.revision);
    append(bytes, match);
    bytes.insert(bytes.end(), extension.info.begin(), extension.info.end());
}

void append_named_target(std::vector<std::uint8_t>& bytes, std::string_view name)
{
    xt_standard_target target{};
    target.target.u.user.target_size = sizeof target;
    name.copy(target.target.u.user.name, longest_chain_name);
    append(bytes, target);
}

void append_extension_target(std::vector<std::uint8_t>& bytes, const Extension& extension)
{
    xt_entry_target target{};
    target.u.user.target_size = static_cast<std::uint16_t>(sizeof target + extension.info.size());
    extension.id.name.copy(target.u.user.name, longest_chain_name);
    target.u.user.revision = static_cast<std::uint8_t>(extension.id.revision);
    append(bytes, target);
    bytes.insert(bytes.end(), extension.info.begin(), extension.info.end());
}

struct TargetWriter {
    std::vector<std::uint8_t>& bytes;
    Family family;

    void operator()(Verdict verdict) const
    {
        switch (verdict) {
        case Verdict::accept: return append_named_target(bytes, "ACCEPT");
        case Verdict::drop: return append_named_target(bytes, "DROP");
        case Verdict::return_: return append_named_target(bytes, "RETURN");
        }
    }
    void operator()(const Jump& jump) const { append_named_target(bytes, jump.chain); }
    void operator()(const SetMark& mark) const { append_extension_target(bytes, encode_target(family, mark)); }
    void operator()(const Masquerade& masquerade) const
    {
        append_extension_target(bytes, encode_target(family, masquerade));
    }
};

template <typename Layout>
std::vector<std::uint8_t> encode(Family family, const Rule& rule)
{
    typename Layout::Entry entry{};
    write_addresses(Layout::head(entry), rule);
    std::vector<std::uint8_t> bytes;
    append(bytes, entry);
    for (const auto& match : rule.matches)
        append_match(bytes, encode_match(match));
    entry.target_offset = static_cast<std::uint16_t>(bytes.size());
    std::visit(TargetWriter{bytes, family}, rule.target);
    entry.next_offset = static_cast<std::uint16_t>(bytes.size());
    std::memcpy(bytes.data(), &entry, sizeof entry);
    return bytes;
}

// ---- from the kernel

// The length in bytes of a mask of whole bytes.
template <typename Mask>
std::optional<std::size_t> length_of(const Mask& mask)
{
    const Bytes bytes{static_cast<const std::uint8_t*>(static_cast<const void*>(&mask)), sizeof mask};
    const auto ones = std::ranges::find_if(bytes, [](std::uint8_t byte) { return byte != 0xff; });
    if (std::any_of(ones, bytes.end(), [](std::uint8_t byte) { return byte != 0; }))
        return std::nullopt;
    return static_cast<std::size_t>(ones - bytes.begin());
}

// False for what no prefix of ours can say.
template <typename Address>
bool read_prefix(const Address& address, const Address& mask, bool inverted, std::optional<AddressMatch>& match)
{
    const auto length = length_of(mask);
    if (!length || (*length == 0 && inverted))
        return false;
    if (*length == 0)
        return true;
    match = AddressMatch{.prefix = {}, .inverted = inverted};
    match->prefix.length = static_cast<std::uint8_t>(*length * 8);
    std::memcpy(match->prefix.address.data(), &address, sizeof address);
    return true;
}

// False where there is an interface, a protocol or a flag.
template <typename Head>
bool read_addresses(const Head& head, Rule& rule)
{
    const bool has_no_more = head.iniface[0] == '\0' && head.outiface[0] == '\0' && head.proto == 0 &&
                             head.flags == 0 && (head.invflags & ~(IPT_INV_SRCIP | IPT_INV_DSTIP)) == 0;
    return has_no_more && read_prefix(head.src, head.smsk, (head.invflags & IPT_INV_SRCIP) != 0, rule.source) &&
           read_prefix(head.dst, head.dmsk, (head.invflags & IPT_INV_DSTIP) != 0, rule.destination);
}

// An extension as it stands in an entry. Matches and targets have the same head.
struct FoundExtension {
    std::string name;
    std::uint32_t revision = 0;
    Bytes info;
    std::size_t size = 0;  // with its head
};

std::optional<FoundExtension> extension_at(Bytes bytes)
{
    xt_entry_match head{};
    if (!read(bytes, head) || head.u.user.match_size < sizeof head || head.u.user.match_size > bytes.size())
        return std::nullopt;
    const auto& user = head.u.user;
    const auto* const end = std::find(std::begin(user.name), std::end(user.name), '\0');
    return FoundExtension{.name = std::string{std::begin(user.name), end},
                          .revision = user.revision,
                          .info = bytes.subspan(sizeof head, user.match_size - sizeof head),
                          .size = user.match_size};
}

// An entry in parts. `sound` is false where its sizes make no sense; then the rest is as far as it could be read.
struct Parts {
    Bytes head;
    std::vector<FoundExtension> matches;
    std::optional<FoundExtension> target;
    bool sound = false;
};

template <typename Layout>
Parts parts_of(Bytes bytes)
{
    Parts parts;
    typename Layout::Entry entry{};
    if (!read(bytes, entry) || entry.next_offset > bytes.size() || entry.target_offset > entry.next_offset ||
        entry.target_offset < sizeof entry)
        return parts;
    parts.head = bytes.first(sizeof(Layout::head(entry)));
    std::size_t at = sizeof entry;
    while (at < entry.target_offset) {
        auto match = extension_at(bytes.subspan(at, entry.target_offset - at));
        if (!match)
            return parts;
        at += match->size;
        parts.matches.push_back(*std::move(match));
    }
    parts.target = extension_at(bytes.subspan(at, entry.next_offset - at));
    parts.sound = parts.target.has_value();
    return parts;
}

std::optional<Target> target_of(Family family, const FoundExtension& found, std::string_view name)
{
    if (name == "ACCEPT")
        return Verdict::accept;
    if (name == "DROP")
        return Verdict::drop;
    if (name == "RETURN")
        return Verdict::return_;
    // The kernel calls the target of verdicts and jumps by no name.
    if (found.name.empty() && !name.empty())
        return Jump{.chain = std::string{name}};
    return decode_target(family, {.name = found.name, .revision = found.revision}, found.info);
}

template <typename Layout>
std::optional<Rule> rule_of(Family family, Bytes bytes, const Parts& parts, std::string_view target)
{
    typename Layout::Entry entry{};
    Rule rule;
    if (!parts.sound || !read(bytes, entry) || !read_addresses(Layout::head(entry), rule))
        return std::nullopt;
    for (const auto& found : parts.matches) {
        auto match = decode_match({.name = found.name, .revision = found.revision}, found.info);
        if (!match)
            return std::nullopt;
        rule.matches.push_back(*std::move(match));
    }
    auto wanted = target_of(family, *parts.target, target);
    if (!wanted)
        return std::nullopt;
    rule.target = *std::move(wanted);
    return rule;
}

std::string words_of(const Parts& parts, std::string_view target)
{
    std::string words;
    for (const auto& match : parts.matches)
        words += fmt::format("match:{} ", match.name);
    return words + fmt::format("target:{}", target.empty() ? "none" : target);
}

template <typename Layout>
ObservedRule decode(Family family, Bytes bytes, std::string_view target)
{
    const auto parts = parts_of<Layout>(bytes);
    return {.dialect = Dialect::iptables,
            .rule = rule_of<Layout>(family, bytes, parts, target),
            .expressions = words_of(parts, target)};
}

void mix(std::size_t& sum, std::string_view bytes)
{
    // As boost's hash_combine does it.
    sum ^= std::hash<std::string_view>{}(bytes) + 0x9e3779b97f4a7c15U + (sum << 6U) + (sum >> 2U);
}

void mix(std::size_t& sum, Bytes bytes)
{
    mix(sum, std::string_view{static_cast<const char*>(static_cast<const void*>(bytes.data())), bytes.size()});
}

template <typename Layout>
std::size_t fingerprint(Family family, Bytes bytes, std::string_view target)
{
    const auto parts = parts_of<Layout>(bytes);
    std::size_t sum = parts.matches.size();
    mix(sum, parts.head);
    for (const auto& match : parts.matches) {
        mix(sum, match.name);
        if (decode_match({.name = match.name, .revision = match.revision}, match.info))
            mix(sum, match.info);
    }
    mix(sum, target);
    if (parts.target &&
        decode_target(family, {.name = parts.target->name, .revision = parts.target->revision}, parts.target->info))
        mix(sum, parts.target->info);
    return sum;
}

// A jump's or goto's target has no name of its own, and libiptc's for it is that of the chain.
SurveyedRule::End end_of(const Parts& parts, std::string_view target)
{
    if (target == "ACCEPT")
        return SurveyedRule::End::accept;
    if (target == "DROP")
        return SurveyedRule::End::drop;
    if (target == "RETURN")
        return SurveyedRule::End::return_;
    return parts.target && parts.target->name.empty() && !target.empty() ? SurveyedRule::End::jump
                                                                         : SurveyedRule::End::other;
}

// "-s -i match:comment target:MARK"; the parts of the head as iptables calls them.
template <typename Layout>
void write_words(std::string& words, const typename Layout::Entry& entry, const Parts& parts, std::string_view target)
{
    const auto add = [&](bool is_there, std::string_view word, std::string_view name = "") {
        if (is_there)
            words.append(words.empty() ? "" : " ").append(word).append(name);
    };
    const auto& head = Layout::head(entry);
    add(length_of(head.smsk) != 0U, "-s");
    add(length_of(head.dmsk) != 0U, "-d");
    add(head.iniface[0] != '\0', "-i");
    add(head.outiface[0] != '\0', "-o");
    add(head.proto != 0, "-p");
    for (const auto& match : parts.matches)
        add(true, "match:", match.name);
    add(!target.empty(), "target:", target);
}

template <typename Layout>
SurveyedRule surveyed(Bytes bytes, std::string_view target, std::string& words)
{
    const auto parts = parts_of<Layout>(bytes);
    SurveyedRule rule{.table = {}, .chain = {}, .end = end_of(parts, target), .jump_to = {}};
    if (rule.end == SurveyedRule::End::jump)
        rule.jump_to = target;
    words.clear();
    typename Layout::Entry entry{};
    if (read(bytes, entry))
        write_words<Layout>(words, entry, parts, rule.end == SurveyedRule::End::other ? target : std::string_view{});
    rule.words = words;
    const auto flags = Layout::head(entry).flags;
    rule.comes_back = (flags & Layout::flag_goto) == 0;
    // Without an address, an interface, a protocol all of the head is zero, but for the flag of a goto.
    const auto set = std::ranges::count_if(parts.head, [](std::uint8_t byte) { return byte != 0; });
    rule.narrows = set > (flags == Layout::flag_goto ? 1 : 0) ||
                   std::ranges::any_of(parts.matches, [](const auto& match) { return match.name != "comment"; });
    std::size_t sum = 0;
    mix(sum, parts.head);
    mix(sum, bytes.subspan(std::min(bytes.size(), sizeof(typename Layout::Entry))));
    mix(sum, target);
    rule.fingerprint = sum;
    return rule;
}

}  // namespace

std::vector<std::uint8_t> encode_entry(Family family, const Rule& rule)
{
    return family == Family::ipv4 ? encode<Ipv4>(family, rule) : encode<Ipv6>(family, rule);
}

ObservedRule decode_entry(Family family, Bytes entry, std::string_view target)
{
    return family == Family::ipv4 ? decode<Ipv4>(family, entry, target) : decode<Ipv6>(family, entry, target);
}

std::size_t fingerprint_of(Family family, Bytes entry, std::string_view target)
{
    return family == Family::ipv4 ? fingerprint<Ipv4>(family, entry, target) : fingerprint<Ipv6>(family, entry, target);
}

SurveyedRule survey_entry(Family family, Bytes entry, std::string_view target, std::string& words)
{
    return family == Family::ipv4 ? surveyed<Ipv4>(entry, target, words) : surveyed<Ipv6>(entry, target, words);
}

std::size_t size_of_entry(Family family, const void* entry)
{
    return family == Family::ipv4 ? static_cast<const ipt_entry*>(entry)->next_offset
                                  : static_cast<const ip6t_entry*>(entry)->next_offset;
}

}  // namespace chainkeeper::repair::legacy
