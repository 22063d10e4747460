// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/nft/event.hpp"

#include "repair/nft/protocol.hpp"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

namespace chainkeeper::repair::nft {

namespace {

struct ChangeForm {
    Change::Kind kind;
    std::uint16_t table_attribute;
    std::uint16_t chain_attribute;  // 0: it has none
};

std::optional<ChangeForm> form_of(unsigned message_type)
{
    using Kind = Change::Kind;
    switch (message_type) {
    case NFT_MSG_NEWTABLE: return ChangeForm{Kind::table_added, NFTA_TABLE_NAME, 0};
    case NFT_MSG_DELTABLE: return ChangeForm{Kind::table_deleted, NFTA_TABLE_NAME, 0};
    case NFT_MSG_NEWCHAIN: return ChangeForm{Kind::chain_added, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME};
    case NFT_MSG_DELCHAIN: return ChangeForm{Kind::chain_deleted, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME};
    case NFT_MSG_NEWRULE: return ChangeForm{Kind::rule_added, NFTA_RULE_TABLE, NFTA_RULE_CHAIN};
    case NFT_MSG_DELRULE: return ChangeForm{Kind::rule_deleted, NFTA_RULE_TABLE, NFTA_RULE_CHAIN};
    default: return std::nullopt;
    }
}

std::optional<Generation> read_generation(ByteView attributes)
{
    const auto id = find_u32(attributes, NFTA_GEN_ID);
    if (!id)
        return std::nullopt;
    return Generation{.id = *id,
                      .pid = find_u32(attributes, NFTA_GEN_PROC_PID).value_or(0),
                      .comm = find_string(attributes, NFTA_GEN_PROC_NAME).value_or(std::string_view{})};
}

std::optional<Change> read_change(const ChangeForm& form, Family family, ByteView attributes)
{
    const auto table = find_string(attributes, form.table_attribute);
    const auto chain = form.chain_attribute == 0 ? std::string_view{} : find_string(attributes, form.chain_attribute);
    if (!table || !chain)
        return std::nullopt;
    return Change{.kind = form.kind, .family = family, .table = *table, .chain = *chain};
}

// False for a message of nf_tables that lacks what its kind must have.
bool read_event(const Message& message, const std::function<void(const Event&)>& hear)
{
    if (NFNL_SUBSYS_ID(message.type) != NFNL_SUBSYS_NFTABLES)
        return true;
    const auto payload = netfilter_payload(message);
    if (!payload)
        return false;
    if (NFNL_MSG_TYPE(message.type) == NFT_MSG_NEWGEN) {
        const auto generation = read_generation(payload->attributes);
        if (generation)
            hear(*generation);
        return generation.has_value();
    }
    auto form = form_of(NFNL_MSG_TYPE(message.type));
    const auto family = family_of(payload->protocol);
    if (!form || !family)
        return true;
    // Only what creates a chain has a flag that says so; before Linux 5.16 that has none either.
    if (form->kind == Change::Kind::chain_added && (message.flags & (NLM_F_CREATE | NLM_F_EXCL)) == 0)
        form->kind = Change::Kind::chain_changed;
    const auto change = read_change(*form, *family, payload->attributes);
    if (change)
        hear(*change);
    return change.has_value();
}

}  // namespace

unsigned read_events(ByteView datagram, const std::function<void(const Event&)>& hear)
{
    unsigned malformed = 0;
    while (const auto message = take_message(datagram))
        if (!read_event(*message, hear))
            ++malformed;
    return malformed + (datagram.empty() ? 0U : 1U);
}

}  // namespace chainkeeper::repair::nft
