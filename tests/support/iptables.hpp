// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/family.hpp"
#include "repair/iptables_variant.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::tests {

using IptablesBackend = repair::IptablesVariant;

// What a test runs that names no other: while the object is there its own, without one iptables-nft.
class WithIptables {
public:
    explicit WithIptables(IptablesBackend backend);
    ~WithIptables();
    WithIptables(const WithIptables&) = delete;
    WithIptables& operator=(const WithIptables&) = delete;
    WithIptables(WithIptables&&) = delete;
    WithIptables& operator=(WithIptables&&) = delete;

private:
    IptablesBackend before_;
};
IptablesBackend iptables_in_use();

// Which iptables a test runs.
struct Iptables {
    IptablesBackend backend = iptables_in_use();
    std::string root;  // for chroot(8); empty: this machine's own

    // {"iptables-nft"}, {"ip6tables-legacy-save"}, {"chroot", "/root/of/another", "iptables-nft"}
    [[nodiscard]] std::vector<std::string> command(repair::Family family, std::string_view suffix = {}) const;
    // The same with the table and with what is to be done: {"iptables-nft", "-t", "nat", "-N", "KUBE-MARK-DROP"}.
    [[nodiscard]] std::vector<std::string> command(repair::Family family, repair::Table table,
                                                   const std::vector<std::string>& arguments) const;
};

}  // namespace chainkeeper::tests
