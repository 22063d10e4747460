// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service.hpp"

#include "daemon/nft_listener.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <utility>

namespace chainkeeper::daemon {

repair::Result<std::unique_ptr<Service>> Service::start(EventLoop& loop, ReportSink& sink, Keeper::Settings settings)
{
    auto backends = open_backends(settings.policy);
    if (!backends)
        return tl::unexpected(backends.error());
    std::unique_ptr<Service> service{new Service{sink, *std::move(backends)}};
    if (auto listening = service->listen(); !listening)
        return tl::unexpected(listening.error());
    service->keeper_ = std::make_unique<Keeper>(
        Keeper::Parts{.backends = service->backends_.view(), .clock = service->clock_, .sink = sink},
        std::move(settings));
    return service->attach(loop).map([&] { return std::move(service); });
}

repair::Result<void> Service::listen()
{
    if (backends_.nft) {
        auto listener = NftListener::open();
        if (!listener)
            return tl::unexpected(listener.error());
        events_ = *std::move(listener);
    }
    if (!backends_.legacy) {
        sink_.report(Notice{.at = clock_.now(),
                            .what = fmt::format("{}: only nf_tables is looked at", backends_.legacy_trouble)});
        return {};
    }
    lock_ = std::make_unique<LegacyListener>(*backends_.legacy, clock_, repair::legacy::xtables_lock_file());
    // It only names names: without it the lock does, as far as it can.
    if (auto audit = AuditListener::open())
        audit_ = *std::move(audit);
    return {};
}

repair::Result<void> Service::attach(EventLoop& loop)
{
    auto timer = loop.add_timer([this] { look_when_due(); });
    if (!timer)
        return tl::unexpected(timer.error());
    auto poll_timer = loop.add_timer([this] { poll_legacy(); });
    if (!poll_timer)
        return tl::unexpected(poll_timer.error());
    timer_ = *timer;
    poll_timer_ = *poll_timer;
    for (const int descriptor : {events_ ? events_->descriptor() : -1, lock_ ? lock_->descriptor() : -1})
        if (descriptor >= 0)
            if (const auto watched = loop.add_readable(descriptor, [this] { look_when_due(); }); !watched)
                return tl::unexpected(watched.error());
    if (audit_) {
        auto watched = loop.watch_readable(audit_->descriptor(), [this] { look_when_due(); });
        if (!watched)
            return tl::unexpected(watched.error());
        audit_watch_ = *std::move(watched);
    }
    set_timers();
    return {};
}

// Only iptables-legacy has to be asked: of nf_tables the kernel tells everything.
void Service::set_timers()
{
    timer_->set(keeper_->next_look());
    const bool polls = lock_ && keeper_->backend_evidence().backend() != KnownBackend::nft;
    if (!polls)
        next_poll_.reset();
    else if (!next_poll_)
        next_poll_ = clock_.now() + keeper_->settings().policy.guard.legacy_poll;
    poll_timer_->set(next_poll_);
}

void Service::poll_legacy()
{
    next_poll_.reset();
    hear_legacy(lock_->poll());
    look_when_due();
}

void Service::recheck(const std::string& reason)
{
    keeper_->recheck(reason);
    look_when_due();
}

// False: there is more to be read, and the loop will be back for it.
bool Service::hear_what_waits()
{
    // Of nf_tables first: its writers are named by /proc, while they are there.
    const bool has_all = !events_ || hear_nft();
    if (audit_)
        hear_audit();
    if (lock_)
        hear_legacy(lock_->read());
    return has_all;
}

bool Service::hear_nft()
{
    const auto heard = events_->read([this](const repair::nft::Event& event) { keeper_->hear(event); });
    if (!heard)
        keeper_->hear_gap(heard.error().what);
    else if (heard->lost)
        keeper_->hear_gap("events were lost (ENOBUFS)");
    if (heard && heard->malformed > 0)
        note_malformed(heard->malformed);
    return !heard || !heard->more;
}

// Of the writers of legacy tables: what nf_tables' own events tell, they tell sooner. A lost record is a lost name.
void Service::hear_audit()
{
    const auto heard = audit_->read([this](const NetfilterConfig& change) {
        const bool is_write = change.operation == "xt_replace" || change.operation == "xt_unregister";
        if (is_write && change.pid != static_cast<std::uint32_t>(getpid()))
            lock_->hear_writer(read_culprit("/proc", change.pid, change.comm));
    });
    if (heard)
        return;
    sink_.report(Trouble{.at = clock_.now(), .what = heard.error().what});
    audit_watch_ = EventLoop::Watch{};
    audit_.reset();
}

// What cannot be watched is asked after at each poll.
void Service::hear_legacy(const repair::Result<std::optional<LegacyWrite>>& heard)
{
    if (heard && *heard)
        keeper_->hear(**heard);
    const auto trouble = heard ? lock_->trouble() : heard.error().what;
    if (std::exchange(lock_trouble_, trouble) == trouble || trouble.empty())
        return;
    sink_.report(Trouble{.at = clock_.now(), .what = fmt::format("{}; iptables-legacy is only asked after", trouble)});
    keeper_->hear_gap(trouble);
}

// What waits to be heard is heard first: it may put the look off, for the ruleset may be in the middle of a change.
void Service::look_when_due()
{
    constexpr Duration longest_delay = std::chrono::seconds{1};
    const auto due = keeper_->next_look();
    // A storm that never ends does not put it off for ever.
    if (hear_what_waits() || (due && *due + longest_delay <= clock_.now()))
        look_if_due();
}

// Logged once; what such a message said is unknown, so the ruleset is read again each time.
void Service::note_malformed(unsigned messages)
{
    if (malformed_ == 0)
        sink_.report(Trouble{.at = clock_.now(), .what = "a netlink message of nf_tables made no sense"});
    malformed_ += messages;
    keeper_->hear_gap(fmt::format("{} netlink message(s) so far made no sense", malformed_));
}

void Service::look_now()
{
    hear_what_waits();
    keeper_->look_now();
    if (on_look_)
        on_look_();
    set_timers();
}

void Service::adopt(Keeper::Settings settings, const std::string& reason)
{
    backends_.choose(settings.policy.repair.transport);
    keeper_->adopt(std::move(settings), reason);
    look_when_due();
}

void Service::look_if_due()
{
    const auto due = keeper_->next_look();
    if (due && *due <= clock_.now()) {
        keeper_->look();
        if (on_look_)
            on_look_();
    }
    set_timers();
}

}  // namespace chainkeeper::daemon
