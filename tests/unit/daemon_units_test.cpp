// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/systemd_units.hpp"
#include "daemon/bus/unit_name.hpp"
#include "tests/unit/fake_systemd.hpp"
#include "tests/unit/private_bus.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <systemd/sd-bus.h>

using namespace chainkeeper;
using daemon::Instant;
using daemon::JobSignal;
using daemon::kubelet_unit_from;
using daemon::KubeletUnit;
using daemon::SystemdUnits;
using daemon::UnitJob;
using daemon::UnitProperties;
using daemon::UnitsSeen;
using tests::run_for;
using tests::run_until;
using Manner = tests::FakeSystemd::Manner;
using namespace std::chrono_literals;

namespace {

const std::vector<std::uint8_t> first_invocation(16, 0xab);
const std::vector<std::uint8_t> second_invocation{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

const tests::FakeUnit running{.active_state = "active",
                              .invocation = first_invocation,
                              .active_enter = 7'000'000,
                              .main_started = 5'000'000,
                              .main_pid = 4711};

constexpr daemon::Backoff::Waits soon{.first = 5ms, .longest = 20ms};

// Units watched over a bus and a systemd of the test's own.
struct Node {
    explicit Node(daemon::Duration timeout = 30s)
        : bus{*daemon::SystemBus::start(loop, clock,
                                        {.address = private_bus.address(), .timeout = timeout, .waits = soon})},
          units{*SystemdUnits::start({.loop = loop,
                                      .bus = *bus,
                                      .clock = clock,
                                      .trouble = [this](const std::string& what) { troubles.push_back(what); }},
                                     {.kubelets = {"kubelet", "k3s"}, .disruptors = {"iptables", R"(odd\x2done)"}},
                                     {.timeout = timeout, .waits = soon})}
    {
        bus->subscribe({.connected =
                            [this](sd_bus& connection) {
                                const char* name = nullptr;
                                sd_bus_get_unique_name(&connection, &name);
                                own_name = name;
                            },
                        .disconnected = [](const std::string& /*reason*/) {}});
        units->watch([this](const std::optional<UnitsSeen>& seen) { told.push_back(seen); });
    }

    tests::FakeSystemd& start()
    {
        private_bus.start();
        return systemd.emplace(loop, private_bus.address());
    }

    [[nodiscard]] std::optional<UnitsSeen> last() const { return told.empty() ? std::nullopt : told.back(); }
    [[nodiscard]] std::string kubelet() const
    {
        return last() && last()->kubelet ? fmt::format("{} {}", last()->kubelet->name, last()->kubelet->main_pid) : "";
    }
    [[nodiscard]] std::string jobs() const
    {
        std::string text;
        for (const auto& job : last().value_or(UnitsSeen{}).disruptor_jobs)
            text += fmt::format("{} {};", job.unit, job.type);
        return text;
    }

    void await_answer()
    {
        run_until(loop, "systemd has answered", [&] { return last().has_value(); });
    }
    void await_kubelet(const std::string& expected)
    {
        run_until(loop, "kubelet is " + expected, [&] { return last() && kubelet() == expected; });
    }
    void await_jobs(const std::string& expected)
    {
        run_until(loop, "the jobs are " + expected, [&] { return last() && jobs() == expected; });
    }
    void await_unknown()
    {
        run_until(loop, "nothing is known", [&] { return !told.empty() && !last(); });
    }

    tests::PrivateBus private_bus;
    daemon::EventLoop loop = *daemon::EventLoop::create();
    daemon::SystemClock clock;
    std::optional<tests::FakeSystemd> systemd;
    std::vector<std::optional<UnitsSeen>> told;
    std::vector<std::string> troubles;
    std::string own_name;
    std::unique_ptr<daemon::SystemBus> bus;
    std::unique_ptr<SystemdUnits> units;
};

}  // namespace

TEST_CASE("unit name: a name without a type is a service")
{
    CHECK(daemon::unit_name_from("kubelet") == "kubelet.service");
    CHECK(daemon::unit_name_from("kubelet.service") == "kubelet.service");
    CHECK(daemon::unit_name_from("snap.microk8s.daemon-kubelite") == "snap.microk8s.daemon-kubelite.service");
    CHECK(daemon::unit_name_from("fire.wall") == "fire.wall.service");
    CHECK(daemon::unit_name_from("network.target") == "network.target");
    CHECK(daemon::unit_name_from("a@b:c_d\\x2de.scope") == "a@b:c_d\\x2de.scope");
    CHECK(daemon::unit_name_from(".service") == ".service.service");
}

TEST_CASE("unit name: what could break a match rule is no name")
{
    for (const auto& name : {std::string{}, std::string{"a'b"}, std::string{"a,b"}, std::string{"a b"},
                             std::string{"a/b"}, std::string{"ä"}, std::string("a\0b", 3), std::string(250, 'x')}) {
        CAPTURE(name);
        CHECK_FALSE(daemon::unit_name_from(name));
    }
    CHECK(daemon::unit_name_from("\x1b").error().what == "no systemd unit can be called '?'");
}

TEST_CASE("unit name: its path on the bus is as systemd escapes it")
{
    CHECK(daemon::unit_object_path("kubelet.service") == "/org/freedesktop/systemd1/unit/kubelet_2eservice");
    CHECK(daemon::unit_object_path("3.scope") == "/org/freedesktop/systemd1/unit/_33_2escope");
}

TEST_CASE("kubelet unit: it runs when it has a process and is on its way or there")
{
    UnitProperties properties{.active_state = "active", .main_pid = 4711};
    for (const auto* const state : {"active", "reloading", "refreshing", "activating"}) {
        CAPTURE(state);
        properties.active_state = state;
        CHECK(kubelet_unit_from("kubelet.service", properties, std::nullopt));
    }
    for (const auto* const state : {"inactive", "failed", "deactivating", "maintenance", "", "ACTIVE"}) {
        CAPTURE(state);
        properties.active_state = state;
        CHECK_FALSE(kubelet_unit_from("kubelet.service", properties, std::nullopt));
    }
    properties = {.active_state = "activating", .main_pid = 0};  // waits for its next automatic restart
    CHECK_FALSE(kubelet_unit_from("kubelet.service", properties, std::nullopt));
}

TEST_CASE("kubelet unit: an invocation is active since it was first seen so")
{
    UnitProperties properties{.active_state = "activating",
                              .invocation = "aa",
                              .active_enter = Instant{1s},  // of the invocation before
                              .main_started = Instant{5s},
                              .main_pid = 4711};
    const auto starting = kubelet_unit_from("kubelet.service", properties, std::nullopt);
    REQUIRE(starting);
    CHECK(starting->active_since == Instant{5s});
    properties.active_state = "active";
    properties.active_enter = Instant{7s};
    CHECK(kubelet_unit_from("kubelet.service", properties, std::nullopt)->active_since == Instant{7s});
    CHECK(kubelet_unit_from("kubelet.service", properties, starting) == starting);
    properties.invocation = "bb";
    CHECK(kubelet_unit_from("kubelet.service", properties, starting)->active_since == Instant{7s});
}

TEST_CASE("unit jobs: come and go by their number, those of other units unheeded")
{
    daemon::UnitJobs jobs{{"iptables.service"}};
    jobs.hear({.kind = JobSignal::Kind::added, .id = 7, .unit = "iptables.service"}, Instant{1s});
    jobs.hear({.kind = JobSignal::Kind::added, .id = 8, .unit = "cron.service"}, Instant{1s});
    jobs.hear({.kind = JobSignal::Kind::added, .id = 7, .unit = "iptables.service"}, Instant{2s});
    CHECK(jobs.jobs() == std::vector<UnitJob>{{.unit = "iptables.service", .type = "", .since = Instant{1s}}});
    jobs.hear({.kind = JobSignal::Kind::removed, .id = 8, .unit = "cron.service"}, Instant{2s});
    CHECK(jobs.jobs().size() == 1);
    jobs.hear({.kind = JobSignal::Kind::removed, .id = 7, .unit = "iptables.service"}, Instant{3s});
    CHECK(jobs.jobs().empty());
}

TEST_CASE("unit jobs: a list is the truth, but for when a job was first seen and what it was then")
{
    daemon::UnitJobs jobs{{"iptables.service", "ufw.service"}};
    jobs.hear({.kind = JobSignal::Kind::added, .id = 7, .unit = "iptables.service"}, Instant{1s});
    jobs.hear({.kind = JobSignal::Kind::added, .id = 6, .unit = "ufw.service"}, Instant{1s});
    jobs.list({{7, "iptables.service", "restart"}, {9, "cron.service", "start"}, {8, "ufw.service", "stop"}},
              Instant{2s});
    const std::vector<UnitJob> expected{{.unit = "iptables.service", .type = "restart", .since = Instant{1s}},
                                        {.unit = "ufw.service", .type = "stop", .since = Instant{2s}}};
    CHECK(jobs.jobs() == expected);
    jobs.list({{7, "iptables.service", "start"}, {8, "ufw.service", "stop"}}, Instant{3s});
    CHECK(jobs.jobs() == expected);
    jobs.list({}, Instant{4s});
    CHECK(jobs.jobs().empty());
}

TEST_CASE("systemd units: the first answer says what runs and what is under way, from the loop alone")
{
    Node node;
    auto& systemd = node.start();
    systemd.units["kubelet.service"] = running;
    systemd.jobs = {{5, "iptables.service", "restart"}, {6, "cron.service", "start"}};
    CHECK(node.told.empty());
    node.await_answer();
    REQUIRE(node.told.size() == 1);
    const auto seen = *node.last();
    CHECK(seen.kubelet == KubeletUnit{.name = "kubelet.service",
                                      .invocation = "abababababababababababababababab",
                                      .active_since = Instant{7s},
                                      .main_pid = 4711});
    CHECK(node.jobs() == "iptables.service restart;");
    CHECK(node.troubles.empty());
}

TEST_CASE("systemd units: no kubelet is an answer too")
{
    Node node;
    node.start();
    node.await_answer();
    CHECK(node.last() == UnitsSeen{});
}

TEST_CASE("systemd units: kubelet starts, restarts and stops")
{
    Node node;
    auto& systemd = node.start();
    node.await_answer();
    auto& kubelet = systemd.units["kubelet.service"];
    kubelet = running;
    kubelet.active_state = "activating";
    systemd.announce_change("kubelet.service");
    node.await_kubelet("kubelet.service 4711");
    CHECK(node.last()->kubelet->active_since == Instant{5s});

    const auto before = node.told.size();
    kubelet.active_state = "active";  // what is told does not change by that
    systemd.announce_change("kubelet.service");
    kubelet = running;
    kubelet.invocation = second_invocation;
    kubelet.main_pid = 4712;
    systemd.announce_change("kubelet.service");
    node.await_kubelet("kubelet.service 4712");
    CHECK(node.last()->kubelet->invocation == "000102030405060708090a0b0c0d0e0f");
    CHECK(node.told.size() == before + 1);

    kubelet.main_pid = 0;
    kubelet.active_state = "failed";
    systemd.announce_change("kubelet.service");
    node.await_kubelet("");
    CHECK(node.troubles.empty());
}

TEST_CASE("systemd units: the first of the list that runs is kubelet")
{
    Node node;
    auto& systemd = node.start();
    systemd.units["k3s.service"] = running;
    node.await_kubelet("k3s.service 4711");
    systemd.units["kubelet.service"] = running;
    systemd.units["kubelet.service"].main_pid = 42;
    systemd.announce_change("kubelet.service");
    node.await_kubelet("kubelet.service 42");
}

TEST_CASE("systemd units: a storm of signals is no storm of calls")
{
    Node node;
    auto& systemd = node.start();
    node.await_answer();
    systemd.calls.clear();
    for (int time = 0; time < 200; ++time)
        systemd.announce_change("kubelet.service");
    systemd.units["k3s.service"] = running;  // its signal comes after all those
    systemd.announce_change("k3s.service");
    node.await_kubelet("k3s.service 4711");
    CHECK(systemd.calls["GetAll"] <= 100);
    CHECK(systemd.calls["GetAll"] >= 2);
}

TEST_CASE("systemd units: a job is told of before its type is known, and until it is over")
{
    Node node;
    auto& systemd = node.start();
    node.await_answer();
    systemd.manners["ListJobs"] = Manner::not_at_all;
    const auto before = node.clock.now();
    systemd.announce_job("JobNew", 9, "iptables.service");
    node.await_jobs("iptables.service ;");
    CHECK(node.last()->disruptor_jobs.front().since >= before);
    CHECK(node.last()->disruptor_jobs.front().since <= node.clock.now());
    systemd.announce_job("JobRemoved", 9, "iptables.service");
    node.await_jobs("");
}

TEST_CASE("systemd units: the type of a job is read")
{
    Node node;
    auto& systemd = node.start();
    node.await_answer();
    systemd.jobs = {{9, "iptables.service", "restart"}};
    systemd.announce_job("JobNew", 9, "iptables.service");
    node.await_jobs("iptables.service restart;");
    CHECK(node.told.size() == 3);  // none, one without a type, one with it
    systemd.jobs.clear();
    systemd.announce_job("JobRemoved", 9, "iptables.service");
    node.await_jobs("");
}

TEST_CASE("systemd units: a unit whose name needs escaping is heard of as well")
{
    Node node;
    auto& systemd = node.start();
    node.await_answer();
    systemd.jobs = {{9, R"(odd\x2done.service)", "stop"}};
    systemd.announce_job("JobNew", 9, R"(odd\x2done.service)");
    node.await_jobs(R"(odd\x2done.service stop;)");
}

TEST_CASE("systemd units: jobs and changes of other units do not even arrive")
{
    Node node;
    auto& systemd = node.start();
    node.await_answer();
    systemd.calls.clear();
    systemd.announce_job("JobNew", 3, "cron.service");
    systemd.announce_change("cron.service");
    systemd.jobs = {{9, "iptables.service", "stop"}};
    systemd.announce_job("JobNew", 9, "iptables.service");
    node.await_jobs("iptables.service stop;");
    CHECK(systemd.calls["ListJobs"] == 1);
    CHECK(systemd.calls["GetAll"] == 0);
}

TEST_CASE("systemd units: what another program says in systemd's name is not heeded")
{
    Node node;
    auto& systemd = node.start();
    node.await_answer();
    systemd.calls.clear();
    tests::FakeSystemd::forge_signals(node.private_bus.address(), node.own_name, "iptables.service");
    systemd.jobs = {{9, R"(odd\x2done.service)", "stop"}};
    systemd.announce_job("JobNew", 9, R"(odd\x2done.service)");
    node.await_jobs(R"(odd\x2done.service stop;)");
    CHECK(node.told.size() == 3);  // no job, one without a type, one with it
    CHECK(node.troubles.empty());
    CHECK(systemd.calls["GetAll"] == 0);
}

TEST_CASE("systemd units: after a daemon-reload everything is read again")
{
    Node node;
    auto& systemd = node.start();
    node.await_answer();
    systemd.calls.clear();
    systemd.announce_reloading(true);
    systemd.units["k3s.service"] = running;
    systemd.jobs = {{9, "iptables.service", "start"}};
    systemd.announce_reloading(false);
    node.await_kubelet("k3s.service 4711");
    node.await_jobs("iptables.service start;");
    CHECK(systemd.calls["GetAll"] == 2);
    CHECK(systemd.calls["ListJobs"] == 1);
    CHECK(node.troubles.empty());
}

TEST_CASE("systemd units: when the bus goes all is unknown, and when it is back all is read again")
{
    Node node;
    auto* systemd = &node.start();
    systemd->units["kubelet.service"] = running;
    systemd->jobs = {{9, "iptables.service", "restart"}};
    node.await_answer();
    const auto since = node.last()->disruptor_jobs.front().since;
    node.private_bus.kill();
    node.await_unknown();
    REQUIRE(node.troubles.size() == 1);
    CHECK(node.troubles.front().starts_with("systemd cannot be asked what units do: "));
    node.systemd.reset();
    systemd = &node.start();
    systemd->units["kubelet.service"] = running;
    systemd->jobs = {{9, "iptables.service", "restart"}};
    node.await_answer();
    CHECK(node.kubelet() == "kubelet.service 4711");
    CHECK(node.last()->disruptor_jobs.front().since == since);
    systemd->announce_job("JobRemoved", 9, "iptables.service");
    node.await_jobs("");
    CHECK(node.troubles.size() == 1);
}

TEST_CASE("systemd units: a bus without systemd is unknown until systemd comes")
{
    Node node;
    auto& systemd = node.start();
    systemd.leave_bus();
    node.await_unknown();
    systemd.join_bus();
    node.await_answer();
    systemd.leave_bus();
    node.await_unknown();
    systemd.manners["Subscribe"] = Manner::subscribed_already;  // as systemd says after it started itself anew
    systemd.join_bus();
    node.await_answer();
    CHECK(node.troubles.size() == 1);
}

TEST_CASE("systemd units: garbage and refusals make all unknown, are told of once, and are got over")
{
    for (const auto* const member : {"Subscribe", "ListJobs", "GetAll"}) {
        for (const auto manner : {Manner::with_an_error, Manner::with_garbage}) {
            if (member == std::string_view{"Subscribe"} && manner == Manner::with_garbage)
                continue;  // its answer is empty, and nothing is read of it
            CAPTURE(member);
            Node node;
            auto& systemd = node.start();
            systemd.manners[member] = manner;
            node.await_unknown();
            run_until(node.loop, "it was asked again", [&] { return systemd.calls[member] > 5; });
            CHECK(node.told.size() == 1);
            CHECK(node.troubles.size() == 1);
            systemd.manners.clear();
            node.await_answer();
            CHECK(node.troubles.size() == 1);
        }
    }
}

TEST_CASE("systemd units: properties that make no sense make all unknown")
{
    Node node;
    auto& systemd = node.start();
    auto& kubelet = systemd.units["kubelet.service"];
    kubelet = running;
    SUBCASE("an invocation that is too short")
    {
        kubelet.invocation = {1, 2, 3};
    }
    SUBCASE("a start that is further away than time goes")
    {
        kubelet.active_enter = UINT64_MAX;
    }
    SUBCASE("no state")
    {
        kubelet.active_state = "";
    }
    node.await_unknown();
    CHECK(node.troubles.size() == 1);
    kubelet = running;
    node.await_kubelet("kubelet.service 4711");
}

TEST_CASE("systemd units: a signal that makes no sense makes all unknown, until it was read again")
{
    Node node;
    auto& systemd = node.start();
    node.await_answer();
    systemd.announce_nothing("iptables.service");
    node.await_unknown();
    node.await_answer();
    CHECK(node.troubles.size() == 1);
    CHECK(node.troubles.front().find("systemd's news of a job makes no sense") != std::string::npos);
}

TEST_CASE("systemd units: a systemd that does not answer is unknown, and is asked again")
{
    for (const auto* const member : {"Subscribe", "ListJobs", "GetAll"}) {
        CAPTURE(member);
        Node node{100ms};
        auto& systemd = node.start();
        systemd.manners[member] = Manner::not_at_all;
        node.await_unknown();
        systemd.manners.clear();
        node.await_answer();
    }
}

TEST_CASE("systemd units: without a bus the first answer is that nothing is known")
{
    Node node;
    node.await_unknown();
    CHECK(node.told.size() == 1);
    CHECK(node.troubles.size() == 1);
    run_for(node.loop, 100ms);
    CHECK(node.told.size() == 1);
    CHECK(node.troubles.size() == 1);
}

TEST_CASE("systemd units: who watches late is told what is known, from the loop")
{
    Node node;
    auto& systemd = node.start();
    systemd.units["kubelet.service"] = running;
    node.await_answer();
    std::vector<std::optional<UnitsSeen>> told;
    node.units->watch([&](const std::optional<UnitsSeen>& seen) { told.push_back(seen); });
    CHECK(told.empty());
    run_until(node.loop, "it is told", [&] { return !told.empty(); });
    CHECK(told.front() == node.last());
}

TEST_CASE("systemd units: other names can be given")
{
    Node node;
    auto& systemd = node.start();
    systemd.units["rke2-agent.service"] = running;
    systemd.jobs = {{9, "ufw.service", "start"}};
    node.await_answer();
    CHECK(node.last() == UnitsSeen{});
    CHECK(node.units->rename({.kubelets = {"rke2-agent"}, .disruptors = {"ufw"}}));
    node.await_kubelet("rke2-agent.service 4711");
    node.await_jobs("ufw.service start;");
    CHECK_FALSE(node.units->rename({.kubelets = {"x'y"}, .disruptors = {}}));
    systemd.units["rke2-agent.service"].main_pid = 5;
    systemd.announce_change("rke2-agent.service");
    node.await_kubelet("rke2-agent.service 5");
    CHECK(node.troubles.empty());
}
