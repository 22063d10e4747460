// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/tools_check.hpp"

#include "daemon/doctor/short_list.hpp"

#include <array>
#include <fmt/format.h>
#include <utility>

namespace chainkeeper::daemon::doctor {

namespace {

struct Tool {
    std::string_view name;
    std::string_view package;  // as most distributions call it
    Verdict without;
    std::string_view breaks;
};

constexpr std::array tools{
    Tool{"iptables", "iptables", Verdict::critical, "kubelet and kube-proxy make no chains at all"},
    Tool{"ip6tables", "iptables", Verdict::warning, "no chains are made for IPv6"},
    Tool{"ipset", "ipset", Verdict::warning, "network policies and kube-proxy's ipvs mode fail"},
    Tool{"conntrack", "conntrack-tools", Verdict::warning, "connections to pods that are gone are not forgotten"},
    Tool{"modprobe", "kmod", Verdict::warning, "no program can load a kernel module that it needs"},
};
constexpr std::array folders{"/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"};

struct Seen {
    std::string path;        // of one that can be run
    std::string wrong_path;  // of one that cannot
    std::string trouble;     // why it could not be looked for
};

Seen look_for(const Root& root, std::string_view name)
{
    Seen seen;
    for (const auto* const folder : folders) {
        auto path = fmt::format("{}/{}", folder, name);
        const auto executable = root.executable(path);
        if (!executable) {
            seen.trouble = executable.error();
        } else if (*executable) {
            (**executable ? seen.path : seen.wrong_path) = std::move(path);
            if (**executable)
                break;
        }
    }
    return seen;
}

void judge(Judgement& judgement, const Tool& tool, const Seen& seen)
{
    if (!seen.trouble.empty())
        judgement.add_unknown(seen.trouble);
    else if (!seen.wrong_path.empty())
        judgement.add(tool.without, fmt::format("{}: cannot be executed: {}", seen.wrong_path, tool.breaks));
    else
        judgement.add(tool.without, fmt::format("exec: \"{}\": executable file not found: {}", tool.name, tool.breaks));
}

}  // namespace

Judgement ToolsCheck::examine(const Node& node) const
{
    Judgement judgement;
    std::vector<std::string> present;
    std::vector<std::string> packages;
    for (const auto& tool : tools) {
        auto seen = look_for(node.root, tool.name);
        if (!seen.path.empty()) {
            present.push_back(std::move(seen.path));
            continue;
        }
        judge(judgement, tool, seen);
        if (seen.trouble.empty() && (packages.empty() || packages.back() != tool.package))
            packages.emplace_back(tool.package);
    }
    if (!present.empty())
        judgement.add(Verdict::ok, short_list(present));
    if (!packages.empty())
        judgement.next_step = "Install " + short_list(packages);
    return judgement;
}

}  // namespace chainkeeper::daemon::doctor
