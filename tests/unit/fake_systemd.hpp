// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/bus/bus_object.hpp"
#include "daemon/bus/unit_jobs.hpp"
#include "daemon/event_loop.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace chainkeeper::tests {

struct FakeUnit {
    std::string active_state = "inactive";
    std::vector<std::uint8_t> invocation = {};
    std::uint64_t active_enter = 0;  // µs
    std::uint64_t main_started = 0;
    std::uint32_t main_pid = 0;
};

// What of systemd's interface the daemon meets, on a bus of the test's own and in the test's own loop. It says what the
// test tells it to say: a change is heard of when it is announced.
class FakeSystemd {
public:
    // How the members that are named here are answered.
    enum class Manner : std::uint8_t { properly, not_at_all, with_an_error, with_garbage, subscribed_already };

    FakeSystemd(daemon::EventLoop& loop, const std::string& address);

    std::map<std::string, FakeUnit> units;  // by name; any other is not loaded
    std::vector<daemon::ListedJob> jobs;
    std::map<std::string, Manner> manners;  // by member
    std::map<std::string, unsigned> calls;  // heard, by member

    void announce_change(const std::string& unit);
    void announce_job(const char* signal, std::uint32_t id, const std::string& unit);  // "JobNew", "JobRemoved"
    void announce_reloading(bool begins);
    // Signals as another program would send them, to one connection and to no other: a new job, and systemd's leave.
    static void forge_signals(const std::string& address, const std::string& victim, const std::string& unit);
    // A JobNew without content.
    void announce_nothing(const std::string& unit);
    void leave_bus();
    void join_bus();

private:
    struct Callbacks;
    int answer(sd_bus_message& call);
    int answer_properly(sd_bus_message& call, const std::string& member);
    int answer_unit(sd_bus_message& call);
    int answer_jobs(sd_bus_message& call);

    daemon::BusConnection bus_;
};

}  // namespace chainkeeper::tests
