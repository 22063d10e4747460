// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/chosen_transport.hpp"
#include "daemon/clock.hpp"
#include "daemon/event_loop.hpp"
#include "daemon/event_source.hpp"
#include "daemon/keeper.hpp"
#include "daemon/report.hpp"
#include "repair/nft/backend.hpp"

#include <memory>
#include <optional>

namespace chainkeeper::daemon {

// The daemon at work in the network namespace in which it was started: a keeper, wired to an event loop. Subscribes
// first and reads second, so that nothing falls between.
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
    Service(ReportSink& sink, std::unique_ptr<EventSource> events, std::unique_ptr<repair::nft::NftBackend> backend,
            policies::Transport transport);

    bool hear_what_waits();
    void look_if_due();
    void note_malformed(unsigned messages);

    SystemClock clock_;
    ReportSink& sink_;
    std::unique_ptr<EventSource> events_;
    std::unique_ptr<repair::nft::NftBackend> backend_;
    ChosenTransport transport_;
    std::unique_ptr<Keeper> keeper_;
    std::optional<EventLoop::Timer> timer_;
    std::function<void()> on_look_;
    std::uint64_t malformed_ = 0;
};

}  // namespace chainkeeper::daemon
