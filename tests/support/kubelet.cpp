// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/kubelet.hpp"

#include "tests/support/command.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <iterator>
#include <linux/netfilter/xt_conntrack.h>
#include <stdexcept>
#include <string_view>

namespace chainkeeper::tests {

using namespace repair;

namespace {

constexpr std::string_view localnet_comment = "block incoming localnet connections";
constexpr std::string_view marked_comment = "kubernetes firewall for dropping marked packets";
constexpr std::string_view postrouting_comment = "kubernetes postrouting rules";
constexpr std::string_view masquerade_comment = "kubernetes service traffic requiring SNAT";

CommentMatch comment(std::string_view text)
{
    return {.text = std::string{text}};
}

Rule only(Target target)
{
    return {.source = {}, .destination = {}, .matches = {}, .target = std::move(target)};
}

Rule matching(std::vector<Match> matches, Target target)
{
    return {.source = {}, .destination = {}, .matches = std::move(matches), .target = std::move(target)};
}

DesiredChain canary(Table table)
{
    return {.table = table, .name = std::string{kubelet_canary}, .rules = {}, .tolerated = {}};
}

DesiredChain chain(Table table, std::string name, std::vector<Rule> rules = {}, std::vector<Rule> tolerated = {})
{
    return {.table = table, .name = std::move(name), .rules = std::move(rules), .tolerated = std::move(tolerated)};
}

void add_canaries(DesiredState& state)
{
    for (const auto table : {Table::filter, Table::nat, Table::mangle})
        state.chains.push_back(canary(table));
}

void add_firewall_jumps(DesiredState& state)
{
    for (const auto* const base_chain : {"OUTPUT", "INPUT"})
        state.jumps.push_back({.table = Table::filter, .base_chain = base_chain, .rule = firewall_jump()});
}

std::vector<std::string> with_comment(std::string_view text, const std::vector<std::string>& rest)
{
    std::vector<std::string> arguments{"-m", "comment", "--comment", std::string{text}};
    arguments.insert(arguments.end(), rest.begin(), rest.end());
    return arguments;
}

KubeletRule localnet_command()
{
    return {Table::filter, "KUBE-FIREWALL", "-A",
            with_comment(localnet_comment, {"--dst", "127.0.0.0/8", "!", "--src", "127.0.0.0/8", "-m", "conntrack", "!",
                                            "--ctstate", "RELATED,ESTABLISHED,DNAT", "-j", "DROP"})};
}

KubeletRule marked_command()
{
    return {Table::filter, "KUBE-FIREWALL", "-A",
            with_comment(marked_comment, {"-m", "mark", "--mark", "0x00008000/0x00008000", "-j", "DROP"})};
}

std::vector<KubeletRule> jump_commands()
{
    return {{Table::filter, "OUTPUT", "-I", {"-j", "KUBE-FIREWALL"}},
            {Table::filter, "INPUT", "-I", {"-j", "KUBE-FIREWALL"}}};
}

std::vector<KubeletRule> nat_commands()
{
    return {
        {Table::nat, "KUBE-MARK-DROP", "-A", {"-j", "MARK", "--or-mark", "0x00008000"}},
        {Table::nat, "KUBE-MARK-MASQ", "-A", {"-j", "MARK", "--or-mark", "0x00004000"}},
        {Table::nat, "POSTROUTING", "-I", with_comment(postrouting_comment, {"-j", "KUBE-POSTROUTING"})},
        {Table::nat, "KUBE-POSTROUTING", "-A", {"-m", "mark", "!", "--mark", "0x00004000/0x00004000", "-j", "RETURN"}},
        {Table::nat, "KUBE-POSTROUTING", "-A", {"-j", "MARK", "--xor-mark", "0x00004000"}},
        {Table::nat, "KUBE-POSTROUTING", "-A",
         with_comment(masquerade_comment, {"-j", "MASQUERADE", "--random-fully"})},
    };
}

template <typename T>
void append(std::vector<T>& to, std::vector<T> from)
{
    std::ranges::move(from, std::back_inserter(to));
}

// Rules in the order in which that version writes them.
std::vector<KubeletRule> rules_of(unsigned minor, Family family)
{
    const bool has_localnet = family == Family::ipv4;
    std::vector<KubeletRule> rules;
    if (minor == 24) {
        rules.push_back(marked_command());
        if (has_localnet)
            rules.push_back(localnet_command());
        append(rules, jump_commands());
    } else if (has_localnet) {
        append(rules, jump_commands());
        rules.push_back(localnet_command());
    }
    if (minor == 25)
        rules.push_back(marked_command());
    if (minor < 27)
        append(rules, nat_commands());
    return rules;
}

std::vector<std::string> command(const KubeletRule& rule, const std::string& how, Family family, const Iptables& with)
{
    std::vector<std::string> arguments{how, rule.chain};
    arguments.insert(arguments.end(), rule.arguments.begin(), rule.arguments.end());
    return with.command(family, rule.table, arguments);
}

std::string restore_line(const KubeletRule& rule)
{
    auto line = fmt::format("{} {}", rule.how, rule.chain);
    for (const auto& argument : rule.arguments)
        line += argument.find(' ') == std::string::npos ? " " + argument : fmt::format(" \"{}\"", argument);
    return line;
}

int make_chain(const KubeletChain& chain, Family family, const Iptables& with)
{
    return run(with.command(family, chain.table, {"-N", chain.name})).status;
}

}  // namespace

Rule firewall_jump()
{
    return only(Jump{.chain = "KUBE-FIREWALL"});
}

Rule localnet_rule()
{
    const Prefix localnet{.address = {127}, .length = 8};
    return {.source = AddressMatch{.prefix = localnet, .inverted = true},
            .destination = AddressMatch{.prefix = localnet, .inverted = false},
            .matches = {comment(localnet_comment),
                        ConntrackMatch{.states = XT_CONNTRACK_STATE_BIT(IP_CT_RELATED) |
                                                 XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED) | XT_CONNTRACK_STATE_DNAT,
                                       .inverted = true}},
            .target = Verdict::drop};
}

Rule marked_rule()
{
    return matching({comment(marked_comment), MarkMatch{.value = 0x8000, .mask = 0x8000, .inverted = false}},
                    Verdict::drop);
}

Rule mark_drop_rule()
{
    return only(SetMark{.value = 0x8000, .mask = 0x8000});
}

Rule mark_masq_rule()
{
    return only(SetMark{.value = 0x4000, .mask = 0x4000});
}

Rule postrouting_jump()
{
    return matching({comment(postrouting_comment)}, Jump{.chain = "KUBE-POSTROUTING"});
}

Rule unmarked_return_rule()
{
    return matching({MarkMatch{.value = 0x4000, .mask = 0x4000, .inverted = true}}, Verdict::return_);
}

Rule clear_mark_rule()
{
    return only(SetMark{.value = 0x4000, .mask = 0});
}

Rule masquerade_rule()
{
    return matching({comment(masquerade_comment)}, Masquerade{.random_fully = true});
}

DesiredState guarded_since_1_27(Family family)
{
    DesiredState state{.family = family, .chains = {chain(Table::mangle, "KUBE-IPTABLES-HINT")}, .jumps = {}};
    if (family == Family::ipv4) {
        state.chains.push_back(chain(Table::filter, "KUBE-FIREWALL", {localnet_rule()}, {marked_rule()}));
        add_firewall_jumps(state);
    }
    add_canaries(state);
    return state;
}

DesiredState guarded_in_1_24(Family family)
{
    std::vector<Rule> firewall{marked_rule()};
    if (family == Family::ipv4)
        firewall.push_back(localnet_rule());
    DesiredState state{.family = family, .chains = {chain(Table::filter, "KUBE-FIREWALL", firewall)}, .jumps = {}};
    state.chains.push_back(chain(Table::nat, "KUBE-MARK-DROP", {mark_drop_rule()}));
    state.chains.push_back(chain(Table::nat, "KUBE-MARK-MASQ", {mark_masq_rule()}));
    state.chains.push_back(
        chain(Table::nat, "KUBE-POSTROUTING", {unmarked_return_rule(), clear_mark_rule(), masquerade_rule()}));
    state.chains.push_back(chain(Table::mangle, "KUBE-IPTABLES-HINT"));
    add_canaries(state);
    add_firewall_jumps(state);
    state.jumps.push_back({.table = Table::nat, .base_chain = "POSTROUTING", .rule = postrouting_jump()});
    return state;
}

KubeletSet kubelet_set(unsigned minor, Family family)
{
    KubeletSet set{.chains = {{Table::mangle, "KUBE-IPTABLES-HINT"}}, .rules = rules_of(minor, family)};
    if (minor < 27 || family == Family::ipv4)
        set.chains.push_back({Table::filter, "KUBE-FIREWALL"});
    if (minor < 27)
        for (const auto* const name : {"KUBE-MARK-DROP", "KUBE-MARK-MASQ", "KUBE-POSTROUTING"})
            set.chains.push_back({Table::nat, name});
    for (const auto table : all_tables)
        set.chains.push_back({table, std::string{kubelet_canary}});
    return set;
}

std::string kubelet_restore_text(unsigned minor, Family family)
{
    const auto set = kubelet_set(minor, family);
    std::string text;
    for (const auto table : all_tables) {
        text += fmt::format("*{}\n", to_string(table));
        for (const auto& chain : set.chains)
            if (chain.table == table)
                text += fmt::format("-N {}\n", chain.name);
        for (const auto& rule : set.rules)
            if (rule.table == table)
                text += restore_line(rule) + '\n';
        text += "COMMIT\n";
    }
    return text;
}

void make_as_kubelet(unsigned minor, Family family, const Iptables& with)
{
    const auto set = kubelet_set(minor, family);
    for (const auto& chain : set.chains)
        if (make_chain(chain, family, with) != 0)
            throw std::runtime_error{fmt::format("{} {} is there already", to_string(chain.table), chain.name)};
    for (const auto& rule : set.rules)
        must_run(command(rule, rule.how, family, with));
}

std::vector<std::string> missed_by_kubelet(unsigned minor, Family family, const Iptables& with)
{
    const auto set = kubelet_set(minor, family);
    std::vector<std::string> missed;
    for (const auto& chain : set.chains)
        if (const int status = make_chain(chain, family, with); status != 1)
            missed.push_back(fmt::format("-N {} {}: {}", to_string(chain.table), chain.name, status));
    for (const auto& rule : set.rules) {
        const auto checking = command(rule, "-C", family, with);
        if (const int status = run(checking).status; status != 0)
            missed.push_back(fmt::format("{}: {}", fmt::join(checking, " "), status));
    }
    return missed;
}

}  // namespace chainkeeper::tests
