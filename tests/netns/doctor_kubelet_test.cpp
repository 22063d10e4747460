// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/doctor_answer.hpp"
#include "tests/netns/node.hpp"
#include "tests/netns/stand_in.hpp"
#include "tests/support/command.hpp"
#include "tests/support/environment.hpp"
#include "tests/support/ruleset.hpp"
#include "tests/support/temporary_directory.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <string>
#include <string_view>

// `chainkeeper doctor` of kubelet's chains in the kernel.
namespace chainkeeper::tests {

using repair::Family;

namespace {

bool has(const std::string& text, std::string_view part)
{
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("doctor kubelet-chains: the kernel's chains, in either backend; nothing is written")
{
    const Node node{27, each_backend()};
    const ProgramInFront kubelets{"iptables", fmt::format("exec {} \"$@\"", iptables(Family::ipv4))};
    make_once(node);
    const auto whole = ask_doctor(node, "kubelet-chains");
    CHECK(whole.verdict == "ok");
    CHECK(whole.status == 0);

    run_all(Family::ipv4, {{"-D", "INPUT", "-j", "KUBE-FIREWALL"}});
    const auto before = whole_ruleset();
    const auto broken = ask_doctor(node, "kubelet-chains");
    CHECK(whole_ruleset() == before);
    CHECK(broken.verdict == "critical");
    CHECK(broken.status == 1);
    CHECK(has(broken.text, "INPUT"));
    CHECK(has(broken.text, "would decide `would_repair: partial_flush`"));
    CHECK(has(broken.text, "ipv6: all of kubelet's chains are there"));
    run_all(Family::ipv4, {{"-I", "INPUT", "-j", "KUBE-FIREWALL"}});
    CHECK(ask_doctor(node, "kubelet-chains").verdict == "ok");
}

TEST_CASE("doctor kubelet-chains: chains in both backends leave the backend in doubt, which is unknown")
{
    const Node node;
    make_once(node);
    must_run({"iptables-legacy", "-t", "mangle", "-N", "KUBE-KUBELET-CANARY"});
    run_all(Family::ipv4, {{"-D", "INPUT", "-j", "KUBE-FIREWALL"}});
    const auto both = ask_doctor(node, "kubelet-chains");
    CHECK(both.verdict == "unknown");
    CHECK(has(both.text, "in doubt"));
    must_run({"iptables-legacy", "-t", "mangle", "-X", "KUBE-KUBELET-CANARY"});
    CHECK(ask_doctor(node, "kubelet-chains").verdict == "critical");
}

TEST_CASE("doctor: what needs a systemd or a ruleset does not apply without one")
{
    const Node node;
    CHECK(ask_doctor(node, "kubelet-init").verdict == "not_applicable");
    const TemporaryDirectory image;
    for (const auto* const check : {"kubelet-chains", "kubelet-init"})
        CHECK(ask_doctor(node, check, image.path().string()).verdict == "not_applicable");
}

}  // namespace chainkeeper::tests
