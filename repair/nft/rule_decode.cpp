// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/nft/rule_decode.hpp"

#include "repair/nft/label.hpp"
#include "repair/nft/protocol.hpp"
#include "repair/xtables.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/xt_conntrack.h>
#include <utility>

namespace chainkeeper::repair::nft {

namespace {

using Bytes = std::span<const std::uint8_t>;

Bytes as_octets(ByteView bytes)
{
    return {static_cast<const std::uint8_t*>(static_cast<const void*>(bytes.data())), bytes.size()};
}

Bytes octets_in(ByteView attributes, std::uint16_t type)
{
    return as_octets(find_attribute(attributes, type).value_or(ByteView{}));
}

// The bytes of an operand: NFTA_DATA_VALUE inside the attribute.
Bytes operand_in(ByteView attributes, std::uint16_t type)
{
    return octets_in(find_attribute(attributes, type).value_or(ByteView{}), NFTA_DATA_VALUE);
}

// Registers, operations, keys and sizes. An absent one is a number that none of them has: 0 is the verdict's register
// and NFT_CMP_EQ.
std::uint32_t number_in(ByteView attributes, std::uint16_t type)
{
    return find_u32(attributes, type).value_or(0xffffffff);
}

// A structure of the kernel's, if there are bytes enough for it.
template <typename Value>
std::optional<Value> value_of(Bytes bytes)
{
    if (bytes.size() < sizeof(Value))
        return std::nullopt;
    Value value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

// What the one register that iptables and nft use for these rules holds, until a comparison consumes it.
struct Loaded {
    enum class What : std::uint8_t { address, mark, conntrack_state, conntrack_status };
    What what;
    std::uint32_t reg = 0;
    std::uint32_t offset = 0;        // of an address in its header, in bytes
    std::uint32_t length = 0;        // in bytes
    std::vector<std::uint8_t> mask;  // empty: all of it
    std::uint32_t flipped = 0;       // what the value is xored with, after the mask
};

std::uint16_t states_of_native_state(std::uint32_t bits)
{
    // The first four have the same bits in both worlds (NF_CT_STATE_BIT and XT_CONNTRACK_STATE_BIT).
    std::uint32_t states = bits & 0xfU;
    if ((bits & NF_CT_STATE_UNTRACKED_BIT) != 0)
        states |= XT_CONNTRACK_STATE_UNTRACKED;
    return static_cast<std::uint16_t>(states);
}

std::uint16_t states_of_native_status(std::uint32_t bits)
{
    std::uint32_t states = 0;
    if ((bits & IPS_SRC_NAT) != 0)
        states |= XT_CONNTRACK_STATE_SNAT;
    if ((bits & IPS_DST_NAT) != 0)
        states |= XT_CONNTRACK_STATE_DNAT;
    return static_cast<std::uint16_t>(states);
}

// Takes the expressions of one rule in turn. Each reader says whether a rule of kubelet's could hold it.
class Decoding {
public:
    explicit Decoding(Family family) : family_{family} {}

    bool read(std::string_view name, ByteView data)
    {
        static constexpr std::array readers{
            std::pair{std::string_view{"payload"}, &Decoding::read_payload},
            std::pair{std::string_view{"meta"}, &Decoding::read_meta},
            std::pair{std::string_view{"ct"}, &Decoding::read_ct},
            std::pair{std::string_view{"bitwise"}, &Decoding::read_bitwise},
            std::pair{std::string_view{"cmp"}, &Decoding::read_cmp},
            std::pair{std::string_view{"match"}, &Decoding::read_match},
            std::pair{std::string_view{"target"}, &Decoding::read_target},
            std::pair{std::string_view{"immediate"}, &Decoding::read_immediate},
            std::pair{std::string_view{"masq"}, &Decoding::read_masq},
            std::pair{std::string_view{"counter"}, &Decoding::read_counter},
        };
        const auto* const found = std::ranges::find(readers, name, [](const auto& reader) { return reader.first; });
        return found != readers.end() && (this->*found->second)(data);
    }

    // iptables reads the comment that nft keeps beside a rule as a last `-m comment`.
    void read_native_comment(std::string_view comment)
    {
        rule_.matches.emplace_back(CommentMatch{.text = std::string{comment}});
        if (dialect_ == Dialect::iptables)
            dialect_ = Dialect::readable;
    }

    // A rule without a target only counts; kubelet has none such.
    [[nodiscard]] bool complete() const { return has_target_ && !loaded_; }
    [[nodiscard]] const Rule& rule() const { return rule_; }
    [[nodiscard]] Dialect dialect() const { return dialect_; }

private:
    bool read_payload(ByteView data)
    {
        if (number_in(data, NFTA_PAYLOAD_BASE) != NFT_PAYLOAD_NETWORK_HEADER)
            return false;
        return load({.what = Loaded::What::address,
                     .reg = number_in(data, NFTA_PAYLOAD_DREG),
                     .offset = number_in(data, NFTA_PAYLOAD_OFFSET),
                     .length = number_in(data, NFTA_PAYLOAD_LEN),
                     .mask = {}});
    }

    bool read_meta(ByteView data)
    {
        if (number_in(data, NFTA_META_KEY) != NFT_META_MARK)
            return false;
        if (find_attribute(data, NFTA_META_SREG))
            return read_mark_set(number_in(data, NFTA_META_SREG));
        return load({.what = Loaded::What::mark,
                     .reg = number_in(data, NFTA_META_DREG),
                     .length = sizeof(std::uint32_t),
                     .mask = {}});
    }

    // nft's way to set a mark: load it, mask and flip it, store it.
    bool read_mark_set(std::uint32_t source)
    {
        if (!loaded_ || loaded_->what != Loaded::What::mark || loaded_->reg != source || loaded_->mask.empty())
            return false;
        const auto kept = *value_of<std::uint32_t>(loaded_->mask);
        const SetMark target{.value = loaded_->flipped, .mask = ~kept};
        loaded_.reset();
        dialect_ = Dialect::native;
        return finish(target);
    }

    bool read_ct(ByteView data)
    {
        const auto key = number_in(data, NFTA_CT_KEY);
        if (key != NFT_CT_STATE && key != NFT_CT_STATUS)
            return false;
        dialect_ = Dialect::native;
        return load({.what = key == NFT_CT_STATE ? Loaded::What::conntrack_state : Loaded::What::conntrack_status,
                     .reg = number_in(data, NFTA_CT_DREG),
                     .length = sizeof(std::uint32_t),
                     .mask = {}});
    }

    bool read_bitwise(ByteView data)
    {
        const auto mask = operand_in(data, NFTA_BITWISE_MASK);
        const auto flipped = operand_in(data, NFTA_BITWISE_XOR);
        if (!loaded_ || !loaded_->mask.empty() || mask.size() != loaded_->length || flipped.size() != mask.size() ||
            number_in(data, NFTA_BITWISE_SREG) != loaded_->reg)
            return false;
        const bool flips = std::ranges::any_of(flipped, [](std::uint8_t byte) { return byte != 0; });
        if (flips && loaded_->what != Loaded::What::mark)
            return false;
        loaded_->mask.assign(mask.begin(), mask.end());
        loaded_->flipped = flips ? *value_of<std::uint32_t>(flipped) : 0;
        loaded_->reg = number_in(data, NFTA_BITWISE_DREG);
        return true;
    }

    bool read_cmp(ByteView data)
    {
        const auto operation = number_in(data, NFTA_CMP_OP);
        const auto operand = operand_in(data, NFTA_CMP_DATA);
        if (!loaded_ || number_in(data, NFTA_CMP_SREG) != loaded_->reg || operand.size() != loaded_->length ||
            (operation != NFT_CMP_EQ && operation != NFT_CMP_NEQ))
            return false;
        const auto loaded = *std::exchange(loaded_, std::nullopt);
        const bool inverted = operation == NFT_CMP_NEQ;
        if (loaded.what == Loaded::What::address)
            return compare_address(loaded, operand, inverted);
        if (loaded.what == Loaded::What::mark)
            return compare_mark(loaded, operand, inverted);
        return compare_conntrack(loaded, operand, inverted);
    }

    bool compare_address(const Loaded& loaded, Bytes operand, bool inverted)
    {
        const auto offsets = address_offsets(family_);
        const auto length = prefix_length(loaded);
        if (!length || *length > offsets.size)
            return false;
        AddressMatch match{.prefix = {}, .inverted = inverted};
        match.prefix.length = static_cast<std::uint8_t>(*length * 8U);
        std::ranges::copy(operand.first(*length), match.prefix.address.begin());
        if (loaded.offset == offsets.source && !rule_.source)
            rule_.source = match;
        else if (loaded.offset == offsets.destination && !rule_.destination)
            rule_.destination = match;
        else
            return false;
        return true;
    }

    // In bytes; nothing for a prefix that ends within a byte, which no rule of kubelet's has.
    static std::optional<std::uint32_t> prefix_length(const Loaded& loaded)
    {
        if (loaded.mask.empty())
            return loaded.length;
        const auto is_full = [](std::uint8_t byte) { return byte == 0xff; };
        const auto end = std::ranges::find_if_not(loaded.mask, is_full);
        if (!std::all_of(end, loaded.mask.end(), [](std::uint8_t byte) { return byte == 0; }))
            return std::nullopt;
        return static_cast<std::uint32_t>(end - loaded.mask.begin());
    }

    bool compare_mark(const Loaded& loaded, Bytes operand, bool inverted)
    {
        const auto value = value_of<std::uint32_t>(operand);
        if (!value || loaded.flipped != 0)
            return false;
        const auto mask = loaded.mask.empty() ? 0xffffffffU : *value_of<std::uint32_t>(loaded.mask);
        rule_.matches.emplace_back(MarkMatch{.value = *value, .mask = mask, .inverted = inverted});
        return true;
    }

    // nft asks whether any of the masked bits is set: `(state & mask) != 0`.
    bool compare_conntrack(const Loaded& loaded, Bytes operand, bool inverted)
    {
        const auto bits = value_of<std::uint32_t>(loaded.mask);
        if (!bits || value_of<std::uint32_t>(operand) != 0U)
            return false;
        const auto states = loaded.what == Loaded::What::conntrack_state ? states_of_native_state(*bits)
                                                                         : states_of_native_status(*bits);
        rule_.matches.emplace_back(ConntrackMatch{.states = states, .inverted = !inverted});
        return true;
    }

    bool read_match(ByteView data)
    {
        const ExtensionName id{.name = find_string(data, NFTA_MATCH_NAME).value_or(std::string_view{}),
                               .revision = number_in(data, NFTA_MATCH_REV)};
        auto match = decode_match(id, octets_in(data, NFTA_MATCH_INFO));
        if (!match || has_target_)
            return false;
        rule_.matches.push_back(*std::move(match));
        return true;
    }

    bool read_target(ByteView data)
    {
        const ExtensionName id{.name = find_string(data, NFTA_TARGET_NAME).value_or(std::string_view{}),
                               .revision = number_in(data, NFTA_TARGET_REV)};
        auto target = decode_target(family_, id, octets_in(data, NFTA_TARGET_INFO));
        return target && finish(*std::move(target));
    }

    bool read_masq(ByteView data)
    {
        dialect_ = Dialect::native;
        if (find_attribute(data, NFTA_MASQ_REG_PROTO_MIN))
            return false;
        const auto masquerade = masquerade_of_flags(find_u32(data, NFTA_MASQ_FLAGS).value_or(0));
        return masquerade && finish(*masquerade);
    }

    bool read_immediate(ByteView data)
    {
        if (number_in(data, NFTA_IMMEDIATE_DREG) != NFT_REG_VERDICT)
            return false;
        const auto operand = find_attribute(data, NFTA_IMMEDIATE_DATA).value_or(ByteView{});
        const auto verdict = find_attribute(operand, NFTA_DATA_VERDICT).value_or(ByteView{});
        const auto code = find_u32(verdict, NFTA_VERDICT_CODE);
        return code && read_verdict(static_cast<int>(*code), find_string(verdict, NFTA_VERDICT_CHAIN));
    }

    bool read_verdict(int code, std::optional<std::string_view> chain)
    {
        switch (code) {
        case NF_ACCEPT: return finish(Verdict::accept);
        case NF_DROP: return finish(Verdict::drop);
        case NFT_RETURN: return finish(Verdict::return_);
        case NFT_JUMP: return chain && finish(Jump{.chain = std::string{*chain}});
        default: return false;
        }
    }

    // iptables always writes one and compares none.
    bool read_counter(ByteView /*data*/) { return true; }

    bool load(Loaded loaded)
    {
        if (loaded_ || has_target_)
            return false;
        loaded_ = std::move(loaded);
        return true;
    }

    bool finish(Target target)
    {
        if (loaded_ || has_target_)
            return false;
        rule_.target = std::move(target);
        has_target_ = true;
        return true;
    }

    Family family_;
    Rule rule_;
    Dialect dialect_ = Dialect::iptables;
    std::optional<Loaded> loaded_;
    bool has_target_ = false;
};

// The comment that nft keeps in the user data of a rule. That is whatever its writer put there: nft's entries have one
// byte for the type, one for the length, and the value.
std::optional<std::string> native_comment(ByteView rule)
{
    constexpr std::size_t header = 2;
    constexpr std::uint8_t comment = 0;  // NFTNL_UDATA_RULE_COMMENT (libnftnl/udata.h)
    auto rest = octets_in(rule, NFTA_RULE_USERDATA);
    while (rest.size() >= header && rest.size() - header >= rest[1]) {
        const auto value = rest.subspan(header, rest[1]);
        if (rest[0] == comment)
            return std::string{value.begin(), std::ranges::find(value, 0)};
        rest = rest.subspan(header + value.size());
    }
    return std::nullopt;
}

}  // namespace

Result<ObservedRule> decode_rule(Family family, const Message& message)
{
    const auto payload = netfilter_payload(message);
    const auto handle = payload ? find_u64(payload->attributes, NFTA_RULE_HANDLE) : std::nullopt;
    if (!handle)
        return tl::unexpected(Error{ErrorCode::protocol, "nf_tables answered with a rule that has no handle"});
    ObservedRule observed{.handle = *handle, .rule = std::nullopt, .expressions = {}};
    Decoding decoding{family};
    bool understood = true;
    auto expressions = find_attribute(payload->attributes, NFTA_RULE_EXPRESSIONS).value_or(ByteView{});
    while (const auto expression = take_attribute(expressions)) {
        const auto name = find_string(expression->value, NFTA_EXPR_NAME).value_or(std::string_view{});
        const auto data = find_attribute(expression->value, NFTA_EXPR_DATA).value_or(ByteView{});
        add_label(observed.expressions, name, data);
        understood = understood && decoding.read(name, data);
    }
    if (const auto comment = native_comment(payload->attributes))
        decoding.read_native_comment(*comment);
    observed.dialect = decoding.dialect();
    if (understood && expressions.empty() && decoding.complete())
        observed.rule = decoding.rule();
    return observed;
}

}  // namespace chainkeeper::repair::nft
