// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/systemd_units.hpp"

#include "daemon/bus/systemd_interface.hpp"
#include "daemon/bus/unit_name.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <systemd/sd-bus.h>
#include <utility>

namespace chainkeeper::daemon {

namespace {

constexpr std::chrono::minutes between_complaints{1};

// sd-bus leaves it to the bus to compare a signal's sender with the rule's; but a signal that is sent to one connection
// alone meets no rule of the bus.
bool is_from(std::string_view name, sd_bus_message& signal)
{
    const char* const sender = sd_bus_message_get_sender(&signal);
    return sender != nullptr && name == sender;
}

repair::Result<std::vector<std::string>> unit_names_from(const std::vector<std::string>& configured)
{
    std::vector<std::string> names;
    names.reserve(configured.size());
    for (const auto& one : configured) {
        auto name = unit_name_from(one);
        if (!name)
            return tl::unexpected(name.error());
        names.push_back(*std::move(name));
    }
    return names;
}

}  // namespace

SystemdUnits::Kubelet::Kubelet(SystemdUnits& units, std::string unit)
    : name{std::move(unit)}, path{unit_object_path(name)}, reading{get_unit_properties(path), units.timing_.timeout,
                                                                   [this, &units](const auto& reply) {
                                                                       units.hear_kubelet(*this, reply);
                                                                   }}
{
}

SystemdUnits::SystemdUnits(Parts parts, Timing timing)
    : parts_{std::move(parts)}, timing_{timing}, backoff_{timing.waits},
      asking_owner_{get_systemd_owner(), timing.timeout, [this](const auto& reply) { hear_owner(reply); }},
      subscribing_{subscribe_to_systemd(), timing.timeout, [this](const auto& reply) { hear_subscribed(reply); }},
      listing_{list_jobs(), timing.timeout, [this](const auto& reply) { hear_jobs(reply); }}, jobs_{{}}
{
}

SystemdUnits::~SystemdUnits()
{
    if (retry_)
        retry_->set(std::nullopt);
    if (first_answer_)
        first_answer_->set(std::nullopt);
}

repair::Result<std::unique_ptr<SystemdUnits>> SystemdUnits::start(Parts parts, const Names& names, Timing timing)
{
    std::unique_ptr<SystemdUnits> units{new SystemdUnits{std::move(parts), timing}};
    auto* const self = units.get();
    if (const auto ready = self->make_timers().and_then([&] { return self->rename(names); }); !ready)
        return tl::unexpected(ready.error());
    self->parts_.bus.subscribe({.connected = [self](sd_bus& bus) { self->connect(bus); },
                                .disconnected = [self](const std::string& reason) { self->disconnect(reason); }});
    return units;
}

repair::Result<void> SystemdUnits::make_timers()
{
    auto retry = parts_.loop.add_timer([this] { begin(); });
    if (!retry)
        return tl::unexpected(retry.error());
    retry_ = *retry;
    auto first_answer = parts_.loop.add_timer([this] { tell(); });
    if (!first_answer)
        return tl::unexpected(first_answer.error());
    first_answer_ = *first_answer;
    return {};
}

void SystemdUnits::watch(Changed changed)
{
    changed_ = std::move(changed);
    told_.reset();
    first_answer_->set(parts_.clock.now() + (seen() ? Duration::zero() : timing_.timeout));
}

repair::Result<void> SystemdUnits::rename(const Names& names)
{
    const auto kubelets = unit_names_from(names.kubelets);
    if (!kubelets)
        return tl::unexpected(kubelets.error());
    auto disruptors = unit_names_from(names.disruptors);
    if (!disruptors)
        return tl::unexpected(disruptors.error());
    kubelets_.clear();
    for (const auto& name : *kubelets)
        kubelets_.emplace_back(*this, name);
    disruptors_ = *std::move(disruptors);
    jobs_ = UnitJobs{disruptors_};
    begin();
    return {};
}

void SystemdUnits::connect(sd_bus& bus)
{
    bus_ = &bus;
    begin();
}

void SystemdUnits::disconnect(const std::string& reason)
{
    bus_ = nullptr;
    lose(reason);
}

// Signals first, reading second, and all of it without waiting: the bus and systemd take it in this order.
void SystemdUnits::begin()
{
    end();
    matches_.clear();
    if (bus_ == nullptr)
        return;
    note(match_systemd()
             .and_then([this] { return match_jobs(); })
             .and_then([this] { return match_kubelets(); })
             .and_then([this] { return subscribing_.ask(*bus_); })
             .and_then([this] { return read_everything(); }));
}

// The name of whoever is systemd is known before the first signal comes.
repair::Result<void> SystemdUnits::match_systemd()
{
    return match(owner_changed_rule(), [this](auto* signal) { hear_owner_changed(*signal); })
        .and_then([this] { return asking_owner_.ask(*bus_); })
        .and_then([this] { return match(reloading_rule(), [this](auto* signal) { hear_reloading(*signal); }); });
}

// A rule a unit, so that the jobs of others wake nobody. Of the manager's signals JobNew and JobRemoved alone have the
// name of a unit as their third argument. Their first is a number, so they come by way of a filter.
repair::Result<void> SystemdUnits::match_jobs()
{
    auto& filter = add_match([this](auto* message) { hear_job(*message); });
    if (auto installed = filter.install_filter(*bus_); !installed)
        return installed;
    for (const auto& unit : disruptors_)
        if (auto matched = match(jobs_rule(unit), [](auto*) {}); !matched)
            return matched;
    return {};
}

repair::Result<void> SystemdUnits::match_kubelets()
{
    for (auto& kubelet : kubelets_) {
        const auto changed = [this, &kubelet](auto* signal) {
            if (is_from(owner_, *signal))
                note(kubelet.reading.ask(*bus_));
        };
        if (auto matched = match(properties_changed_rule(kubelet.path), changed); !matched)
            return matched;
    }
    return {};
}

repair::Result<void> SystemdUnits::match(const std::string& rule, Heard heard)
{
    return add_match(std::move(heard)).install(*bus_, rule);
}

BusMatch& SystemdUnits::add_match(Heard heard)
{
    return matches_.emplace_back([this, heard = std::move(heard)](const auto& message) {
        if (message)
            heard(*message);
        else
            fail(message.error().what);
    });
}

repair::Result<void> SystemdUnits::read_everything()
{
    for (auto& kubelet : kubelets_)
        if (auto asked = kubelet.reading.ask(*bus_); !asked)
            return asked;
    return listing_.ask(*bus_);
}

// Nothing more is heard. The matches themselves are freed when the next session begins: one of them may be calling.
void SystemdUnits::end()
{
    for (auto& match : matches_)
        match.cancel();
    for (auto& kubelet : kubelets_) {
        kubelet.reading.cancel();
        kubelet.read = false;
    }
    for (auto* const call : {&asking_owner_, &subscribing_, &listing_})
        call->cancel();
    subscribed_ = false;
    listed_ = false;
    owner_.clear();
    if (retry_)
        retry_->set(std::nullopt);
}

void SystemdUnits::note(const repair::Result<void>& result)
{
    if (!result)
        fail(result.error().what);
}

void SystemdUnits::fail(const std::string& reason)
{
    const auto now = parts_.clock.now();
    const auto lasted = known_since_ ? now - *known_since_ : Duration::zero();
    lose(reason);
    retry_->set(now + backoff_.next(lasted));
}

void SystemdUnits::lose(const std::string& reason)
{
    end();
    known_since_.reset();
    complain(reason);
    tell();
}

void SystemdUnits::complain(const std::string& reason)
{
    const auto now = parts_.clock.now();
    if (std::exchange(in_outage_, true) || (complained_ && now < *complained_ + between_complaints))
        return;
    complained_ = now;
    parts_.trouble(fmt::format("systemd cannot be asked what units do: {}; that is unknown until it answers", reason));
}

void SystemdUnits::hear_owner(const repair::Result<sd_bus_message*>& reply)
{
    if (!reply)
        return fail(reply.error().what);
    const char* owner = nullptr;
    if (const int result = sd_bus_message_read(*reply, "s", &owner); result < 0)
        return fail(malformed_message_error("the bus' answer who systemd is", result).what);
    owner_ = owner;
}

void SystemdUnits::hear_owner_changed(sd_bus_message& signal)
{
    if (is_from(message_bus_name, signal))
        fail("systemd has left the bus");
}

void SystemdUnits::hear_subscribed(const repair::Result<sd_bus_message*>& reply)
{
    if (!reply)
        return fail(reply.error().what);
    subscribed_ = true;
    tell_what_is_known();
}

void SystemdUnits::hear_job(sd_bus_message& message)
{
    const auto job = job_signal_from(message);
    if ((job && !*job) || !is_from(owner_, message))
        return;
    if (!job)
        return fail(job.error().what);
    jobs_.hear(**job, parts_.clock.now());
    tell_what_is_known();
    if ((*job)->kind == JobSignal::Kind::added)
        note(listing_.ask(*bus_));  // for its type
}

// True when systemd begins to read its unit files again, false when it has: then no signal says what else has changed.
void SystemdUnits::hear_reloading(sd_bus_message& signal)
{
    if (!is_from(owner_, signal))
        return;
    int begins = 0;
    if (const int result = sd_bus_message_read(&signal, "b", &begins); result < 0)
        return fail(malformed_message_error("systemd's news of a reload", result).what);
    if (begins == 0)
        note(read_everything());
}

void SystemdUnits::hear_kubelet(Kubelet& kubelet, const repair::Result<sd_bus_message*>& reply)
{
    const auto properties = reply.and_then([](auto* message) { return unit_properties_from(*message); });
    if (!properties)
        return fail(properties.error().what);
    kubelet.running = kubelet_unit_from(kubelet.name, *properties, kubelet.running);
    kubelet.read = true;
    tell_what_is_known();
}

void SystemdUnits::hear_jobs(const repair::Result<sd_bus_message*>& reply)
{
    const auto jobs = reply.and_then([](auto* message) { return listed_jobs_from(*message); });
    if (!jobs)
        return fail(jobs.error().what);
    jobs_.list(*jobs, parts_.clock.now());
    listed_ = true;
    tell_what_is_known();
}

std::optional<UnitsSeen> SystemdUnits::seen() const
{
    const bool all_read = std::ranges::all_of(kubelets_, [](const Kubelet& kubelet) { return kubelet.read; });
    if (owner_.empty() || !subscribed_ || !listed_ || !all_read)
        return std::nullopt;
    const auto first =
        std::ranges::find_if(kubelets_, [](const Kubelet& kubelet) { return kubelet.running.has_value(); });
    return UnitsSeen{.kubelet = first == kubelets_.end() ? std::nullopt : first->running,
                     .disruptor_jobs = jobs_.jobs()};
}

void SystemdUnits::tell_what_is_known()
{
    if (!seen())
        return;
    in_outage_ = false;
    known_since_ = known_since_.value_or(parts_.clock.now());
    tell();
}

void SystemdUnits::tell()
{
    auto now = seen();
    if (!changed_ || (told_ && *told_ == now))
        return;
    told_.emplace(std::move(now));
    first_answer_->set(std::nullopt);
    changed_(*told_);
}

}  // namespace chainkeeper::daemon
