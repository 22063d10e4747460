// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/ruleset.hpp"

#include "repair/nft/look.hpp"
#include "repair/nft/message.hpp"
#include "repair/nft/protocol.hpp"
#include "repair/nft/socket.hpp"
#include "tests/support/command.hpp"
#include "tests/support/message_bytes.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <map>
#include <stdexcept>

namespace chainkeeper::tests {

namespace {

using repair::Family;
using repair::Table;

template <typename T>
T value_or_throw(repair::Result<T> result)
{
    if (!result)
        throw std::runtime_error{result.error().what};
    return *std::move(result);
}

std::vector<std::string> lines_of(std::string_view text)
{
    std::vector<std::string> lines;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

struct SavedTable {
    std::map<std::string, std::string> declarations;        // ":INPUT ACCEPT"
    std::map<std::string, std::vector<std::string>> rules;  // of a chain
};

void keep_line(SavedTable& table, const std::string& line)
{
    const auto second_word = line.find(' ') + 1;
    if (line.starts_with(':'))
        table.declarations[line.substr(1, second_word - 2)] = line.substr(0, line.find(" ["));
    else if (line.starts_with("-A "))
        table.rules[line.substr(second_word, line.find(' ', second_word) - second_word)].push_back(line);
    else
        throw std::runtime_error{fmt::format("iptables-save printed: {}", line)};
}

std::string text_of(const std::map<std::string, SavedTable>& tables)
{
    std::string text;
    for (const auto& [name, table] : tables) {
        text += fmt::format("{}\n", name);
        for (const auto& [chain, declaration] : table.declarations)
            text += fmt::format("{} {}\n", name, declaration);
        for (const auto& [chain, rules] : table.rules)
            for (const auto& rule : rules)
                text += fmt::format("{} {}\n", name, rule);
    }
    return text;
}

std::vector<std::byte> flush_batch(Family family, std::uint32_t sequence)
{
    const auto subsystem = [](std::uint16_t message) {
        return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | message);
    };
    // The kernel takes a deletion that names no table for one of all tables of the family.
    const auto protocol = repair::nft::protocol_of(family);
    const auto parts = {
        MessageBytes{NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, sequence}.netfilter(0, NFNL_SUBSYS_NFTABLES).bytes(),
        MessageBytes{subsystem(NFT_MSG_DELTABLE), NLM_F_REQUEST | NLM_F_ACK, sequence + 1}.netfilter(protocol).bytes(),
        MessageBytes{NFNL_MSG_BATCH_END, NLM_F_REQUEST, sequence + 2}.netfilter(0, NFNL_SUBSYS_NFTABLES).bytes(),
    };
    std::vector<std::byte> batch;
    for (const auto& part : parts)
        batch.insert(batch.end(), part.begin(), part.end());
    return batch;
}

}  // namespace

std::string iptables(Family family, std::string_view suffix)
{
    return Iptables{}.command(family, suffix).front();
}

int check(Family family, Table table, std::string_view chain, const repair::Rule& rule, const Iptables& with)
{
    std::vector<std::string> arguments{"-C", std::string{chain}};
    std::ranges::move(arguments_of(family, rule), std::back_inserter(arguments));
    return run(with.command(family, table, arguments)).status;
}

bool has_chain(Family family, Table table, std::string_view chain, const Iptables& with)
{
    return run(with.command(family, table, {"-S", std::string{chain}})).status == 0;
}

std::vector<std::string> unknown_to_iptables(const repair::DesiredState& desired, const Iptables& with)
{
    std::vector<std::string> unknown;
    const auto ask = [&](Table table, const std::string& chain, const repair::Rule& rule) {
        if (check(desired.family, table, chain, rule, with) != 0)
            unknown.push_back(fmt::format("{} {}: {}", to_string(table), chain, to_string(desired.family, rule)));
    };
    for (const auto& chain : desired.chains) {
        if (!has_chain(desired.family, chain.table, chain.name, with))
            unknown.push_back(fmt::format("{} {}", to_string(chain.table), chain.name));
        for (const auto& rule : chain.rules)
            ask(chain.table, chain.name, rule);
    }
    for (const auto& jump : desired.jumps)
        ask(jump.table, jump.base_chain, jump.rule);
    return unknown;
}

void restore(Family family, std::string_view text)
{
    must_run({iptables(family, "-restore"), "--noflush"}, text);
}

void nft_script(std::string_view script)
{
    must_run({"nft", "-f", "-"}, script);
}

std::string saved(Family family, const Iptables& with)
{
    std::map<std::string, SavedTable> tables;
    SavedTable* table = nullptr;
    for (const auto& line : lines_of(must_run(with.command(family, "-save")))) {
        if (line.starts_with('*'))
            table = &tables[line];
        else if (line != "COMMIT" && !line.starts_with('#'))
            keep_line(*table, line);
    }
    return text_of(tables);
}

Difference difference(std::string_view before, std::string_view after)
{
    auto old_lines = lines_of(before);
    auto new_lines = lines_of(after);
    std::ranges::sort(old_lines);
    std::ranges::sort(new_lines);
    Difference difference;
    std::ranges::set_difference(new_lines, old_lines, std::back_inserter(difference.added));
    std::ranges::set_difference(old_lines, new_lines, std::back_inserter(difference.removed));
    return difference;
}

std::string nft_ruleset()
{
    return must_run({"nft", "--handle", "--numeric", "--stateless", "list", "ruleset"});
}

std::uint32_t generation()
{
    auto socket = value_or_throw(repair::nft::Socket::open());
    return value_or_throw(repair::nft::read_generation(socket));
}

Flush::Flush() : socket_{std::make_unique<repair::nft::Socket>(value_or_throw(repair::nft::Socket::open()))} {}

Flush::~Flush() = default;

void Flush::operator()(Family family)
{
    if (const auto sent = socket_->send(flush_batch(family, socket_->reserve_sequences(3))); !sent)
        throw std::runtime_error{sent.error().what};
    auto datagram = value_or_throw(socket_->receive());
    const auto message = repair::nft::take_message(datagram);
    const auto answer = message ? repair::nft::acknowledgement(*message) : std::nullopt;
    if (!answer || answer->error_number != 0)
        throw std::runtime_error{"nf_tables refused to flush"};
}

}  // namespace chainkeeper::tests
