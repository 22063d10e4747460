// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/stand_in.hpp"

#include "tests/netns/await.hpp"
#include "tests/support/ruleset.hpp"

#include <fmt/format.h>
#include <stdexcept>

namespace chainkeeper::tests {

namespace {

const std::string ready_file = "kubelet.ready";
const std::string log_file = "kubelet.log";

Process::Start start_of(const Node& node, const std::vector<std::string>& options)
{
    Process::Start start{
        .arguments = {KUBELET_STAND_IN, "--version", fmt::format("1.{}", node.kubelet_minor()), "--log",
                      (node.folder() / log_file).string()},
        .environment = {{"IPTABLES", iptables(repair::Family::ipv4)}, {"IP6TABLES", iptables(repair::Family::ipv6)}},
        .output = node.folder() / ready_file,
        .errors = node.folder() / log_file};
    start.arguments.insert(start.arguments.end(), options.begin(), options.end());
    return start;
}

std::vector<std::string> arguments_of(const StandIn::Options& options)
{
    std::vector<std::string> arguments{"--monitor-interval", options.monitor_interval, "--flush-wait",
                                       options.flush_wait};
    if (!options.fail_init.empty())
        arguments.insert(arguments.end(), {"--fail-init", options.fail_init});
    return arguments;
}

}  // namespace

StandIn::StandIn(const Node& node, const Options& options)
    : log_{node.folder() / log_file}, process_{start_of(node, arguments_of(options))}
{
    await("kubelet's stand-in was ready", [&] {
        if (process_.exit_code())
            throw std::runtime_error{"kubelet's stand-in has ended"};
        return !text_of(node.folder() / ready_file).empty();
    });
}

void make_once(const Node& node)
{
    if (Process{start_of(node, {"--one-shot"})}.await_end() != 0)
        throw std::runtime_error{"kubelet's stand-in has failed"};
}

}  // namespace chainkeeper::tests
