// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service.hpp"

#include "daemon/nft_listener.hpp"

#include <fmt/format.h>

namespace chainkeeper::daemon {

Service::Service(ReportSink& sink, std::unique_ptr<EventSource> events,
                 std::unique_ptr<repair::nft::NftBackend> backend, policies::Transport transport)
    : sink_{sink}, events_{std::move(events)}, backend_{std::move(backend)}, transport_{*backend_,
                                                                                        repair::IptablesVariant::nft,
                                                                                        transport}
{
}

repair::Result<std::unique_ptr<Service>> Service::start(EventLoop& loop, ReportSink& sink, Keeper::Settings settings)
{
    auto listener = NftListener::open();
    if (!listener)
        return tl::unexpected(listener.error());
    auto backend = repair::nft::NftBackend::open();
    if (!backend)
        return tl::unexpected(backend.error());
    std::unique_ptr<Service> service{
        new Service{sink, *std::move(listener), *std::move(backend), settings.policy.repair.transport}};
    auto* const self = service.get();
    self->keeper_ = std::make_unique<Keeper>(
        Keeper::Parts{.backend = self->transport_, .clock = self->clock_, .sink = sink}, std::move(settings));
    auto timer = loop.add_timer([self] { self->look_when_due(); });
    if (!timer)
        return tl::unexpected(timer.error());
    self->timer_ = *timer;
    self->timer_->set(self->keeper_->next_look());
    const auto watched = loop.add_readable(self->events_->descriptor(), [self] { self->look_when_due(); });
    if (!watched)
        return tl::unexpected(watched.error());
    return service;
}

void Service::recheck(const std::string& reason)
{
    keeper_->recheck(reason);
    look_when_due();
}

// False: there is more to be read, and the loop will be back for it.
bool Service::hear_what_waits()
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
    timer_->set(keeper_->next_look());
}

void Service::adopt(Keeper::Settings settings, const std::string& reason)
{
    transport_.choose(settings.policy.repair.transport);
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
    timer_->set(keeper_->next_look());
}

}  // namespace chainkeeper::daemon
