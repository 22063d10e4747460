// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/audit_listener.hpp"
#include "daemon/backends.hpp"
#include "daemon/clock.hpp"
#include "daemon/event_loop.hpp"
#include "daemon/event_source.hpp"
#include "daemon/keeper.hpp"
#include "daemon/legacy_listener.hpp"
#include "daemon/report.hpp"

#include <memory>
#include <optional>

namespace chainkeeper::daemon {

// The daemon at work in the network namespace in which it was started: a keeper, wired to an event loop. Subscribes
// first and reads second, so that nothing falls between. Works with one of the two backends where the other is not to
// be had, and says so.
class Service {
public:
    static repair::Result<std::unique_ptr<Service>> start(EventLoop& loop, ReportSink& sink, Keeper::Settings settings);

    // Something happened that events cannot tell of: look at everything again.
    void recheck(const std::string& reason);

    // Looks at everything now, unless the ruleset moves.
    void look_now();
    // Another policy, or another version of kubelet.
    void adopt(Keeper::Settings settings, const std::string& reason);
    // To be called when the keeper was told of something.
    void look_when_due();

    [[nodiscard]] Keeper& keeper() { return *keeper_; }
    // Called after each look.
    void on_look(std::function<void()> callback) { on_look_ = std::move(callback); }

private:
    Service(ReportSink& sink, OpenBackends backends) : sink_{sink}, backends_{std::move(backends)} {}

    repair::Result<void> listen();
    repair::Result<void> attach(EventLoop& loop);
    bool hear_what_waits();
    bool hear_nft();
    void hear_audit();
    void hear_legacy(const repair::Result<std::optional<LegacyWrite>>& heard);
    void poll_legacy();
    void set_timers();
    void look_if_due();
    void note_malformed(unsigned messages);

    SystemClock clock_;
    ReportSink& sink_;
    OpenBackends backends_;
    std::unique_ptr<EventSource> events_;   // of nf_tables, where there is that
    std::unique_ptr<LegacyListener> lock_;  // of iptables-legacy, likewise
    std::unique_ptr<AuditListener> audit_;  // with lock_, where it may be read
    EventLoop::Watch audit_watch_;
    std::unique_ptr<Keeper> keeper_;
    std::optional<EventLoop::Timer> timer_;
    std::optional<EventLoop::Timer> poll_timer_;
    std::optional<Instant> next_poll_;
    std::string lock_trouble_;  // reported last
    std::function<void()> on_look_;
    std::uint64_t malformed_ = 0;
};

}  // namespace chainkeeper::daemon
