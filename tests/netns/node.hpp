// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/backend.hpp"
#include "repair/desired.hpp"
#include "repair/family.hpp"
#include "repair/finding.hpp"
#include "tests/support/iptables.hpp"
#include "tests/support/network_namespace.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace chainkeeper::tests {

// What a test case has of a node: a network namespace, and a folder for the files of the programs that it runs. The
// object must be the first of the case, so that it goes last. When the case failed, it shows every *.log of the folder.
class Node {
public:
    // `kubelet_minor` is 24, 25 or 27: what this node's kubelet makes. The backend is that of its iptables.
    explicit Node(unsigned kubelet_minor = 27, IptablesBackend backend = IptablesBackend::nft);
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;
    Node(Node&&) = delete;
    Node& operator=(Node&&) = delete;

    [[nodiscard]] unsigned kubelet_minor() const { return kubelet_minor_; }
    [[nodiscard]] IptablesBackend iptables() const { return iptables_; }
    [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
    [[nodiscard]] const repair::DesiredState& guarded(repair::Family family) const;

    repair::Diagnosis examine(repair::Family family);
    void await_healthy(repair::Family family);
    void await_healthy();

private:
    NetworkNamespace namespace_;
    IptablesBackend iptables_;
    WithIptables programs_;
    unsigned kubelet_minor_;
    std::filesystem::path folder_;
    std::vector<repair::DesiredState> guarded_;
    std::unique_ptr<repair::Backend> backend_;
};

// The families one after the other, each in a run of the test case of its own.
repair::Family each_family();
// The same in each of the two backends.
struct Place {
    IptablesBackend iptables;
    repair::Family family;
};
Place each_place();
IptablesBackend each_backend();

// The lines of iptables-save that are about kubelet: its chains by name, the rules of each in their order.
std::string kubelet_lines(repair::Family family);
// It is all as before, and kubelet's own commands would add nothing.
void check_as_before(const Node& node, repair::Family family, const std::string& before);

// "iptables", "ip6tables" (of nf_tables) with these arguments, one after the other; each has to succeed.
void run_all(repair::Family family, const std::vector<std::vector<std::string>>& arguments);

// What `systemctl stop iptables` comes to in many places: `iptables -F; iptables -X`, of the filter table.
void flush_filter(repair::Family family);
// Every table of one family, and every table there is: at once, but for a legacy table, which is emptied by itself.
void flush(repair::Family family);
void flush_everything();

// What is there of both families, by nft and by the iptables in use.
std::string whole_ruleset();

}  // namespace chainkeeper::tests
