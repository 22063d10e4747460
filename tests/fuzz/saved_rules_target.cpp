// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/firewall_command.hpp"
#include "daemon/doctor/modules_load.hpp"
#include "daemon/doctor/saved_rules_check.hpp"
#include "tests/fuzz/property.hpp"

#include <algorithm>

using namespace chainkeeper;
using namespace chainkeeper::daemon;
using tests::must_hold;

// What doctor reads line by line: saved rules, crontabs and units, the modules of the boot.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    auto text = tests::text_of(data, size);
    std::set<std::string> chains;
    while (!text.empty()) {
        const auto line = tests::take_line(text);
        doctor::add_saved_chains(chains, line);
        static_cast<void>(doctor::rewrites_firewall(line, {"iptables.service"}));
        must_hold(doctor::module_of_boot(line).find('-') == std::string::npos,
                  "a module is called as the kernel calls it");
    }
    must_hold(std::ranges::all_of(chains, [](const auto& chain) { return chain.starts_with("KUBE-"); }),
              "no chain is there but Kubernetes'");
    return 0;
}
