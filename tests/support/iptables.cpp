// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/iptables.hpp"

#include <fmt/format.h>
#include <utility>

namespace chainkeeper::tests {

using repair::Family;
using repair::Table;

namespace {

IptablesBackend& in_use()
{
    static IptablesBackend backend = IptablesBackend::nft;
    return backend;
}

}  // namespace

WithIptables::WithIptables(IptablesBackend backend) : before_{std::exchange(in_use(), backend)} {}

WithIptables::~WithIptables()
{
    in_use() = before_;
}

IptablesBackend iptables_in_use()
{
    return in_use();
}

std::vector<std::string> Iptables::command(Family family, std::string_view suffix) const
{
    std::vector<std::string> command;
    if (!root.empty())
        command = {"chroot", root};
    const auto* const program = family == Family::ipv4 ? "iptables" : "ip6tables";
    command.push_back(fmt::format("{}-{}{}", program, to_string(backend), suffix));
    return command;
}

std::vector<std::string> Iptables::command(Family family, Table table, const std::vector<std::string>& arguments) const
{
    auto whole = command(family);
    whole.insert(whole.end(), {"-t", std::string{to_string(table)}});
    whole.insert(whole.end(), arguments.begin(), arguments.end());
    return whole;
}

}  // namespace chainkeeper::tests
