// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/node/booted_node.hpp"

#include "tests/netns/await.hpp"
#include "tests/netns/node.hpp"

#include <algorithm>
#include <chrono>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

// org.chainkeeper1 on the system bus, and what the journal can be asked for.
namespace chainkeeper::tests {

using namespace std::chrono_literals;
using repair::Family;

namespace {

constexpr const char* policy = "[repair]\nsettle = \"20ms\"\n";

// `busctl COMMAND org.chainkeeper1 /org/chainkeeper1 org.chainkeeper1 …`
std::vector<std::string> busctl(const std::string& command, const std::vector<std::string>& rest)
{
    std::vector<std::string> all{"busctl",           "--system",          "--timeout=10",    command,
                                 "org.chainkeeper1", "/org/chainkeeper1", "org.chainkeeper1"};
    all.insert(all.end(), rest.begin(), rest.end());
    return all;
}

// The same by a user who is nobody in particular.
std::vector<std::string> as_plain_user(const std::vector<std::string>& command)
{
    std::vector<std::string> all{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
    all.insert(all.end(), command.begin(), command.end());
    return all;
}

}  // namespace

TEST_CASE("a name that the bus refuses is asked for again, until its policy is in force")
{
    const std::string file = "/usr/share/dbus-1/system.d/org.chainkeeper1.conf";
    BootedNode node;
    node.must_run({"mv", file, file + ".away"});
    node.systemctl({"reload", "dbus"});
    node.start_daemon(policy);
    node.await_log("the system bus does not give us the name org.chainkeeper1");
    node.must_run({"mv", file + ".away", file});
    node.systemctl({"reload", "dbus"});
    await(
        "the daemon had its name", [&] { return node.run(busctl("get-property", {"State"})).status == 0; }, 50ms);
    CHECK(node.count("does not give us the name") == 1);
    node.await_log("the system bus has given us the name org.chainkeeper1 by now");
}

TEST_CASE("a plain user may look, and may change nothing")
{
    BootedNode node;
    node.start_kubelet();
    node.start_daemon(policy);
    CHECK(node.must_run(as_plain_user(busctl("call", {"Check"}))).starts_with("s "));
    for (const auto* const property : {"Decision", "KubeletMonitor", "Mode", "State"}) {
        CAPTURE(property);
        CHECK(node.run(as_plain_user(busctl("get-property", {property}))).status == 0);
    }
    for (const auto& change : std::vector<std::vector<std::string>>{
             {"Hold", "tsb", "60", "because", "false"}, {"Release"}, {"Reload"}, {"Repair", "b", "false"}}) {
        CAPTURE(change.front());
        const auto refused = node.run(as_plain_user(busctl("call", change)));
        CHECK(refused.status != 0);
        CHECK(refused.errors.find("polkit asks for a password") != std::string::npos);
    }
    CHECK(node.status().at("hold").is_null());
}

TEST_CASE("root may change everything, and so may whom polkit's rules allow it")
{
    BootedNode node;
    node.start_kubelet();
    node.start_daemon(policy);
    node.must_run(busctl("call", {"Hold", "tsb", "60", "because", "false"}));
    CHECK(node.status().at("hold").is_object());
    node.must_run(busctl("call", {"Reload"}));
    node.must_run(busctl("call", {"Repair", "b", "false"}));
    CHECK(node.run(as_plain_user(busctl("call", {"Release"}))).status != 0);
    node.write("/etc/polkit-1/rules.d/10-test.rules", "polkit.addRule(function(action, subject) {\n"
                                                      "if (action.id == 'org.chainkeeper1.hold' && subject.user == "
                                                      "'nobody') return polkit.Result.YES; });\n");
    node.systemctl({"restart", "polkit"});
    const auto released = node.run(as_plain_user(busctl("call", {"Release"})));
    CHECK(released.errors == "");
    CHECK(node.status().at("hold").is_null());
    CHECK(node.run(as_plain_user(busctl("call", {"Reload"}))).status != 0);
    node.must_run({"rm", "/etc/polkit-1/rules.d/10-test.rules"});
    node.systemctl({"restart", "polkit"});
}

TEST_CASE("busctl shows the interface to a plain user")
{
    BootedNode node;
    node.start_kubelet();
    node.start_daemon(policy);
    const auto interface = node.must_run(as_plain_user(busctl("introspect", {})));
    for (const auto* const name :
         {".Check", ".Hold", ".Release", ".Reload", ".Repair", ".Decision", ".Mode", ".State"}) {
        CAPTURE(name);
        CHECK(interface.find(name) != std::string::npos);
    }
    CHECK(node.must_run(busctl("get-property", {"Mode"})) == "s \"repair\"\n");
}

TEST_CASE("a repair can be found in the journal by its fields")
{
    BootedNode node;
    node.start_kubelet();
    node.start_daemon(policy);
    drop_filter_table();
    node.await_decision(Family::ipv4, "repair: partial_flush (");
    const auto found = std::ranges::count_if(node.journal(), [](const JournalEntry& entry) {
        return field(entry, "CHAINKEEPER_DECISION") == "repair: partial_flush" &&
               field(entry, "CHAINKEEPER_FAMILY") == "ipv4" && field(entry, "MESSAGE_ID").size() == 32;
    });
    CHECK(found >= 1);
}

TEST_CASE("the history knows a flush and its repair")
{
    BootedNode node;
    node.start_kubelet();
    node.start_daemon(policy);
    drop_filter_table();
    node.await_healthy();
    const auto history = node.must_run({"chainkeeper", "history", "--json"});
    CHECK(history.find("partial_flush") != std::string::npos);
}

}  // namespace chainkeeper::tests
