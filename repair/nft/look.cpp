// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/nft/look.hpp"

#include "repair/nft/protocol.hpp"
#include "repair/nft/requests.hpp"
#include "repair/nft/rule_decode.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <functional>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <set>

namespace chainkeeper::repair::nft {

namespace {

// An answer to a request for one object: the object, or that there is none.
Result<std::optional<ByteView>> object_in(const Message& message, std::string_view what)
{
    if (const auto answer = acknowledgement(message)) {
        if (answer->error_number == ENOENT)
            return std::nullopt;
        return tl::unexpected(system_error(fmt::format("reading {} of nf_tables", what), answer->error_number));
    }
    const auto payload = netfilter_payload(message);
    if (!payload)
        return tl::unexpected(Error{ErrorCode::protocol, "nf_tables gave an answer that is cut short"});
    return payload->attributes;
}

class Look {
public:
    Look(Socket& socket, const DesiredState& desired)
        : socket_{socket}, tables_{tables_in(desired)}, chains_{chain_names_in(desired)}, protocol_{protocol_of(
                                                                                              desired.family)}
    {
        snapshot_.family = desired.family;
    }

    Result<Snapshot> take() &&
    {
        return read_objects().and_then([&] { return read_all_rules(); }).map([&] { return std::move(snapshot_); });
    }

private:
    // All in one datagram: the generation, the tables, the chains.
    Result<void> read_objects()
    {
        Requests requests{socket_};
        const auto first = requests.add(NFT_MSG_GETGEN, NFPROTO_UNSPEC, 0, {});
        for (const auto table : tables_)
            requests.add(NFT_MSG_GETTABLE, protocol_, 0, {{NFTA_TABLE_NAME, to_string(table)}});
        for (const auto& [table, chain] : chains_)
            requests.add(NFT_MSG_GETCHAIN, protocol_, 0,
                         {{NFTA_CHAIN_TABLE, to_string(table)}, {NFTA_CHAIN_NAME, chain}});
        return requests.send().and_then([&] { return receive_objects(first); });
    }

    Result<void> receive_objects(std::uint32_t first)
    {
        auto table = tables_.begin();
        auto chain = chains_.begin();
        auto expected = first;
        return receive_until(socket_, [&](const Message& message) -> Result<bool> {
            if (message.sequence != expected)
                return false;
            Result<void> kept;
            if (expected == first)
                kept = keep_generation(message);
            else if (table != tables_.end())
                kept = keep_table(message, *table++);
            else
                kept = keep_chain(message, *chain++);
            ++expected;
            if (!kept)
                return tl::unexpected(kept.error());
            return table == tables_.end() && chain == chains_.end();
        });
    }

    Result<void> keep_generation(const Message& message);
    Result<void> keep_table(const Message& message, Table table);
    Result<void> keep_chain(const Message& message, const ChainName& name);

    Result<void> read_all_rules()
    {
        for (auto& chain : snapshot_.chains)
            if (holds_rules_.contains({chain.table, chain.name}))
                if (auto read = read_rules(chain); !read)
                    return read;
        return {};
    }

    Result<void> read_rules(ObservedChain& chain)
    {
        Requests request{socket_};
        const auto sequence = request.add(NFT_MSG_GETRULE, protocol_, NLM_F_DUMP,
                                          {{NFTA_RULE_TABLE, to_string(chain.table)}, {NFTA_RULE_CHAIN, chain.name}});
        return request.send().and_then([&] {
            return receive_until(socket_, [&](const Message& message) -> Result<bool> {
                if (message.sequence != sequence)
                    return false;
                return keep_rule(message, chain);
            });
        });
    }

    // True at the end of the dump.
    Result<bool> keep_rule(const Message& message, ObservedChain& chain) const
    {
        if (message.type == NLMSG_DONE)
            return dump_ended(message).map([] { return true; });
        if (const auto answer = acknowledgement(message))
            return tl::unexpected(system_error("reading the rules of nf_tables", answer->error_number));
        auto rule = decode_rule(snapshot_.family, message);
        if (!rule)
            return tl::unexpected(rule.error());
        chain.rules.push_back(*std::move(rule));
        return false;
    }

    Socket& socket_;
    std::set<Table> tables_;
    std::set<ChainName> chains_;
    std::uint8_t protocol_;
    std::set<ChainName> holds_rules_;
    Snapshot snapshot_{.family = Family::ipv4, .tables = {}, .chains = {}};
};

Result<std::uint32_t> generation_in(const Message& message)
{
    // Without nf_tables in the kernel nfnetlink knows no such subsystem, and says so with EINVAL.
    if (const auto answer = acknowledgement(message)) {
        if (answer->error_number == EINVAL)
            return tl::unexpected(unsupported_error());
        return tl::unexpected(system_error("reading nf_tables", answer->error_number));
    }
    const auto payload = netfilter_payload(message);
    const auto id = payload ? find_u32(payload->attributes, NFTA_GEN_ID) : std::nullopt;
    if (!id)
        return tl::unexpected(Error{ErrorCode::protocol, "nf_tables gave no generation"});
    return *id;
}

Result<void> Look::keep_generation(const Message& message)
{
    const auto generation = generation_in(message);
    if (!generation)
        return tl::unexpected(generation.error());
    snapshot_.generation = *generation;
    return {};
}

Result<void> Look::keep_table(const Message& message, Table table)
{
    const auto found = object_in(message, "a table");
    if (!found)
        return tl::unexpected(found.error());
    if (found->has_value())
        snapshot_.tables.insert(table);
    return {};
}

Result<void> Look::keep_chain(const Message& message, const ChainName& name)
{
    const auto found = object_in(message, "a chain");
    if (!found)
        return tl::unexpected(found.error());
    if (!found->has_value())
        return {};
    snapshot_.chains.push_back({.table = name.table, .name = name.chain, .rules = {}});
    // Counts the rules of the chain and the jumps to it, so that an empty chain nobody jumps to needs no dump.
    if (find_u32(**found, NFTA_CHAIN_USE).value_or(1) > 0)
        holds_rules_.insert(name);
    return {};
}

}  // namespace

Result<Snapshot> look_once(Socket& socket, const DesiredState& desired)
{
    return Look{socket, desired}.take();
}

Result<std::uint32_t> read_generation(Socket& socket)
{
    Requests request{socket};
    const auto sequence = request.add(NFT_MSG_GETGEN, NFPROTO_UNSPEC, 0, {});
    std::uint32_t generation = 0;
    return request.send()
        .and_then([&] {
            return receive_until(socket, [&](const Message& message) -> Result<bool> {
                if (message.sequence != sequence)
                    return false;
                return generation_in(message).map([&](std::uint32_t id) {
                    generation = id;
                    return true;
                });
            });
        })
        .map([&] { return generation; });
}

}  // namespace chainkeeper::repair::nft
