// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/desired.hpp"
#include "repair/error.hpp"
#include "repair/family.hpp"
#include "repair/rule.hpp"
#include "tests/support/iptables.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::repair::nft {
class Socket;
}

// The ruleset of the calling thread's network namespace, seen and changed with the programs of this machine, or with
// those that are named.
namespace chainkeeper::tests {

// "iptables-nft", "ip6tables-legacy"; with a suffix "iptables-nft-save".
std::string iptables(repair::Family family, std::string_view suffix = {});

// `iptables -t TABLE -C CHAIN …`: its exit code. 0: it knows the rule, 1: it does not.
int check(repair::Family family, repair::Table table, std::string_view chain, const repair::Rule& rule,
          const Iptables& with = {});
bool has_chain(repair::Family family, repair::Table table, std::string_view chain, const Iptables& with = {});
// The chains, rules and jumps of `desired` that iptables does not know, as "filter KUBE-FIREWALL: … -j DROP".
std::vector<std::string> unknown_to_iptables(const repair::DesiredState& desired, const Iptables& with = {});

// Feeds `iptables-restore --noflush`, which has to succeed.
void restore(repair::Family family, std::string_view text);
// A script for `nft -f`, which has to succeed: one transaction.
void nft_script(std::string_view script);

// iptables-save without comments, dates and counters. Tables and chains stand in the order of their names, the rules of
// one chain in their own order.
std::string saved(repair::Family family, const Iptables& with = {});
// What is in `after` and not in `before`, and the other way round, line by line.
struct Difference {
    std::vector<std::string> added;
    std::vector<std::string> removed;
};
Difference difference(std::string_view before, std::string_view after);

// All of nf_tables as nft prints it, with handles, but without what has been counted.
std::string nft_ruleset();

// The number of the last transaction.
std::uint32_t generation();

// Deletes every table of one family in one transaction, without a process: for tests that do it a thousand times.
class Flush {
public:
    Flush();
    ~Flush();
    Flush(const Flush&) = delete;
    Flush& operator=(const Flush&) = delete;
    Flush(Flush&&) = delete;
    Flush& operator=(Flush&&) = delete;

    void operator()(repair::Family family);

private:
    std::unique_ptr<repair::nft::Socket> socket_;
};

}  // namespace chainkeeper::tests
