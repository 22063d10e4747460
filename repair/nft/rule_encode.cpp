// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/nft/rule_encode.hpp"

#include "repair/nft/protocol.hpp"
#include "repair/xtables.hpp"

#include <cstdlib>
#include <cstring>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <new>

namespace chainkeeper::repair::nft {

namespace {

nftnl_expr* new_expression(const char* name)
{
    auto* const expression = nftnl_expr_alloc(name);
    if (expression == nullptr)
        throw std::bad_alloc{};
    return expression;
}

void add_payload(nftnl_rule& rule, std::uint32_t offset, std::uint32_t length)
{
    auto* const payload = new_expression("payload");
    nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
    nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
    nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_LEN, length);
    nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
    nftnl_rule_add_expr(&rule, payload);
}

void add_comparison(nftnl_rule& rule, bool inverted, const void* bytes, std::uint32_t length)
{
    auto* const comparison = new_expression("cmp");
    nftnl_expr_set_u32(comparison, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(comparison, NFTNL_EXPR_CMP_OP, inverted ? NFT_CMP_NEQ : NFT_CMP_EQ);
    nftnl_expr_set(comparison, NFTNL_EXPR_CMP_DATA, bytes, length);
    nftnl_rule_add_expr(&rule, comparison);
}

void add_address(nftnl_rule& rule, const std::optional<AddressMatch>& match, std::uint32_t offset)
{
    if (!match)
        return;
    const std::uint32_t length = match->prefix.length / 8U;
    add_payload(rule, offset, length);
    add_comparison(rule, match->inverted, match->prefix.address.data(), length);
}

// libnftnl takes the buffer over and frees it, so it has to come from malloc.
void* copy_for_libnftnl(const std::vector<std::uint8_t>& info)
{
    void* const copy = std::malloc(info.size());
    if (copy == nullptr)
        throw std::bad_alloc{};
    std::memcpy(copy, info.data(), info.size());
    return copy;
}

struct ExtensionAttributes {
    const char* expression;
    std::uint16_t name;
    std::uint16_t revision;
    std::uint16_t info;
};
constexpr ExtensionAttributes match_attributes{"match", NFTNL_EXPR_MT_NAME, NFTNL_EXPR_MT_REV, NFTNL_EXPR_MT_INFO};
constexpr ExtensionAttributes target_attributes{"target", NFTNL_EXPR_TG_NAME, NFTNL_EXPR_TG_REV, NFTNL_EXPR_TG_INFO};

void add_extension(nftnl_rule& rule, const ExtensionAttributes& attributes, const Extension& extension)
{
    auto* const expression = new_expression(attributes.expression);
    const auto size = static_cast<std::uint32_t>(extension.info.size());
    nftnl_expr_set_str(expression, attributes.name, extension.id.name.data());
    nftnl_expr_set_u32(expression, attributes.revision, extension.id.revision);
    nftnl_expr_set(expression, attributes.info, copy_for_libnftnl(extension.info), size);
    // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): libnftnl has the buffer now, which the analyzer cannot see
    nftnl_rule_add_expr(&rule, expression);
}

void add_verdict(nftnl_rule& rule, int verdict, const std::string& chain = {})
{
    auto* const immediate = new_expression("immediate");
    nftnl_expr_set_u32(immediate, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(immediate, NFTNL_EXPR_IMM_VERDICT, static_cast<std::uint32_t>(verdict));
    if (!chain.empty())
        nftnl_expr_set_str(immediate, NFTNL_EXPR_IMM_CHAIN, chain.c_str());
    nftnl_rule_add_expr(&rule, immediate);
}

struct TargetEncoder {
    Family family;
    nftnl_rule& rule;

    void operator()(Verdict verdict) const
    {
        switch (verdict) {
        case Verdict::accept: return add_verdict(rule, NF_ACCEPT);
        case Verdict::drop: return add_verdict(rule, NF_DROP);
        case Verdict::return_: return add_verdict(rule, NFT_RETURN);
        }
    }
    void operator()(const Jump& jump) const { add_verdict(rule, NFT_JUMP, jump.chain); }
    void operator()(const SetMark& mark) const { add_extension(rule, target_attributes, encode_target(family, mark)); }
    void operator()(const Masquerade& masquerade) const
    {
        add_extension(rule, target_attributes, encode_target(family, masquerade));
    }
};

// Sent with every rule that holds an xtables extension; of kubelet's rules none names a protocol.
void add_compat(nftnl_rule& rule)
{
    nftnl_rule_set_u32(&rule, NFTNL_RULE_COMPAT_PROTO, 0);
    nftnl_rule_set_u32(&rule, NFTNL_RULE_COMPAT_FLAGS, 0);
}

}  // namespace

void encode_rule(Family family, const Rule& rule, nftnl_rule& encoded)
{
    const auto offsets = address_offsets(family);
    add_compat(encoded);
    add_address(encoded, rule.source, offsets.source);
    add_address(encoded, rule.destination, offsets.destination);
    for (const auto& match : rule.matches)
        add_extension(encoded, match_attributes, encode_match(match));
    nftnl_rule_add_expr(&encoded, new_expression("counter"));
    std::visit(TargetEncoder{family, encoded}, rule.target);
}

}  // namespace chainkeeper::repair::nft
