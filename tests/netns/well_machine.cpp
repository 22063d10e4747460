// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/well_machine.hpp"

#include "tests/netns/daemon_process.hpp"

#include <fmt/format.h>
#include <stdexcept>
#include <sys/utsname.h>

namespace chainkeeper::tests {

namespace {

std::string running_kernel()
{
    utsname name{};
    if (uname(&name) != 0)
        throw std::runtime_error{"uname failed"};
    return static_cast<const char*>(name.release);
}

}  // namespace

WellMachine::WellMachine()
{
    const auto modules = fmt::format("usr/lib/modules/{}", running_kernel());
    std::string list;
    for (const auto* const name : {"nf_conntrack", "nf_nat", "xt_conntrack", "xt_comment", "xt_mark", "xt_MASQUERADE",
                                   "br_netfilter", "ip_set", "nf_tables", "nft_compat", "nft_chain_nat"}) {
        list += fmt::format("kernel/{}.ko:\n", name);
        folder_.write(fmt::format("{}/kernel/{}.ko", modules, name), "");
    }
    folder_.write(modules + "/modules.dep", list);
    std::filesystem::create_symlink("usr/lib", folder() / "lib");
    const auto add_program = [&](const std::string& name) {
        folder_.write(name, "#!/bin/sh\n");
        std::filesystem::permissions(folder() / name, std::filesystem::perms{0755});
    };
    for (const auto* const tool : {"ipset", "conntrack", "modprobe"})
        add_program(fmt::format("usr/local/sbin/{}", tool));
    add_program("opt/cni/bin/bridge");
    folder_.write("etc/cni/net.d/10-pods.conflist",
                  R"({"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "bridge"}]})");
}

CommandResult WellMachine::chainkeeper(const Node& node, const std::vector<std::string>& arguments) const
{
    std::vector<std::string> command{
        "unshare",
        "--mount",
        "sh",
        "-ec",
        fmt::format("for folder in etc opt usr/lib usr/local/sbin; do "
                    "mount -t overlay overlay -o \"lowerdir={}/$folder:/$folder\" \"/$folder\"; done; exec \"$@\"",
                    folder().string()),
        "sh"};
    const auto plain = chainkeeper_command(node, arguments);
    command.insert(command.end(), plain.begin(), plain.end());
    return run(command);
}

}  // namespace chainkeeper::tests
