// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/saved_rules_check.hpp"

#include "daemon/doctor/short_list.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace chainkeeper::daemon::doctor {

namespace {

constexpr std::array files{
    "/etc/systemd/scripts/ip4save", "/etc/systemd/scripts/ip6save", "/etc/iptables/rules.v4",
    "/etc/iptables/rules.v6",       "/etc/sysconfig/iptables",      "/etc/sysconfig/ip6tables",
    "/etc/nftables.conf",           "/etc/sysconfig/nftables.conf",
};
// What nftables.conf may include: every file in them counts.
constexpr std::array nft_folders{"/etc/nftables.d", "/etc/nftables"};

// A node of 50,000 Services saves 100,000 of them.
constexpr std::size_t most_chains = 1000;
// Longer than a chain's name can be (XT_EXTENSION_MAXNAMELEN, NFT_CHAIN_MAXNAMELEN is more than kube-proxy uses).
constexpr std::size_t longest_name = 64;

// What stands before the name of a chain. nft's "add chain" has the family and the table between.
constexpr std::array<std::string_view, 13> before_a_chain{
    "-A", "-I", "-N", "-j", "-g", "--append", "--insert", "--jump", "--goto", "--new-chain", "chain", "jump", "goto"};

constexpr std::string_view ours = "KUBE-";

std::string_view take_word(std::string_view& text)
{
    constexpr std::string_view ends = " \t;{}\"";
    const auto begin = std::min(text.find_first_not_of(ends), text.size());
    text.remove_prefix(begin);
    const auto word = text.substr(0, text.find_first_of(ends));
    text.remove_prefix(word.size());
    return word;
}

void add_chain(std::set<std::string>& chains, std::string_view name)
{
    if (name.starts_with(ours) && chains.size() < most_chains)
        chains.emplace(name.substr(0, longest_name));
}

void judge(Judgement& judgement, const std::string& file, const std::set<std::string>& chains)
{
    if (chains.empty())
        return judgement.add(Verdict::ok, fmt::format("{}: no KUBE- chains", file));
    const auto count =
        chains.size() == most_chains ? fmt::format("{} or more", most_chains) : fmt::format("{}", chains.size());
    judgement.add(
        Verdict::warning,
        fmt::format("{}: saved with KUBE- chains ({}): {}", file, count, short_list({chains.begin(), chains.end()})),
        fmt::format("Take these chains, and the rules that name them, out of {}: the next restart brings them back",
                    file));
}

void judge_file(Judgement& judgement, const Root& root, const std::string& file)
{
    std::set<std::string> chains;
    const auto lines = root.each_line(file, [&](std::string_view line) { add_saved_chains(chains, line); });
    if (!lines)
        judgement.add_unknown(lines.error());
    else if (*lines)
        judge(judgement, file, chains);
}

void judge_folder(Judgement& judgement, const Root& root, const std::string& folder)
{
    for (const auto* const suffix : {".nft", ".conf"}) {
        const auto included = root.paths(folder, suffix);
        if (!included)
            return judgement.add_unknown(included.error());
        for (const auto& file : *included)
            judge_file(judgement, root, file);
    }
}

}  // namespace

void add_saved_chains(std::set<std::string>& chains, std::string_view line)
{
    auto word = take_word(line);
    if (word.starts_with('#'))
        return;
    if (word.starts_with(':'))
        return add_chain(chains, word.substr(1));
    for (int to_come = 0; !word.empty(); word = take_word(line)) {
        if (std::ranges::find(before_a_chain, word) != before_a_chain.end())
            to_come = word == "chain" ? 3 : 1;
        else if (to_come-- > 0)
            add_chain(chains, word);
    }
}

Judgement SavedRulesCheck::examine(const Node& node) const
{
    Judgement judgement;
    for (const auto* const file : files)
        judge_file(judgement, node.root, file);
    for (const auto* const folder : nft_folders)
        judge_folder(judgement, node.root, folder);
    if (judgement.evidence.empty())
        return {.verdict = Verdict::not_applicable, .evidence = {"no rules are saved where a restart would find them"}};
    return judgement;
}

}  // namespace chainkeeper::daemon::doctor
