// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/keeper.hpp"
#include "tests/support/fake_backend.hpp"
#include "tests/support/kubelet.hpp"

#include <span>
#include <string>
#include <vector>

namespace chainkeeper::tests {

// Ticks when told.
class FakeClock final : public daemon::Clock {
public:
    [[nodiscard]] daemon::Instant now() const override
    {
        now_ += tick_;
        return now_;
    }
    [[nodiscard]] daemon::WallTime wall() const override
    {
        return daemon::WallTime{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21}} + now_.time_since_epoch();
    }
    // Time that passes while somebody works: so much at each look at the clock.
    void tick_on_reading(daemon::Duration tick) { tick_ = tick; }
    void advance(daemon::Duration duration) { now_ += duration; }
    void advance_to(daemon::Instant instant) { now_ = instant; }

private:
    mutable daemon::Instant now_{std::chrono::hours{1}};
    daemon::Duration tick_{0};
};

class MemorySink final : public daemon::ReportSink {
public:
    void report(const daemon::Report& report) override { reports.push_back(report); }

    template <typename Kind>
    [[nodiscard]] std::vector<Kind> all() const
    {
        std::vector<Kind> found;
        for (const auto& report : reports)
            if (const auto* const one = std::get_if<Kind>(&report))
                found.push_back(*one);
        return found;
    }

    std::vector<daemon::Report> reports;
};

// A node without a kernel: a ruleset, a clock, a keeper of IPv4, and the events that a kernel would send.
class KeeperNode {
public:
    explicit KeeperNode(daemon::Keeper::Settings settings = default_settings());

    static daemon::Keeper::Settings default_settings();

    // Kubelet's chains, made in one transaction that is heard.
    void make_chains();
    void put_canaries_back(std::span<const repair::Table> tables = repair::all_tables);
    // The last transaction, which is the keeper's own, is heard as the kernel tells of it.
    void hear_own() { hear_generation("chainkeeperd"); }
    // What `iptables -F; iptables -X`, and `nft flush ruleset`, leave behind; each is heard as one transaction.
    void flush_filter();
    void flush_all();
    // kube-proxy's sync, which deletes rules of its own.
    void sync_services();
    // Another transaction, which touches nothing guarded, but is heard.
    void change_something_else();
    // Everything of kubelet's in IPv4, the canaries or all but the canaries.
    [[nodiscard]] bool has_canaries() const;
    [[nodiscard]] bool has_all_but_canaries() const;

    // To the next look that is due, and what it decides: "repair: assist", …
    std::vector<std::string> run_until(daemon::Duration limit);
    std::vector<std::string> look_now();

    FakeClock clock;
    FakeBackend backend;
    MemorySink sink;
    repair::DesiredState desired = guarded_since_1_27(repair::Family::ipv4);
    daemon::Keeper keeper;

private:
    void hear(repair::nft::Change::Kind kind, std::string_view table, std::string_view chain = "");
    void hear_generation(std::string_view comm);
    std::vector<std::string> new_decisions();
    std::size_t decisions_seen_ = 0;
};

// systemd says that this instance of kubelet runs.
daemon::UnitsSeen running_kubelet(const std::string& invocation,
                                  daemon::Instant since = daemon::Instant{std::chrono::seconds{1}});

}  // namespace chainkeeper::tests
