// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kubelet/kubelet_watch.hpp"

#include "daemon/kubelet/kubelet_process.hpp"
#include "repair/family.hpp"

#include <fmt/format.h>
#include <utility>

namespace chainkeeper::daemon {

Keeper::Guarding guarding_of(OptOut answer)
{
    switch (answer) {
    case OptOut::no: return Keeper::Guarding::always;
    case OptOut::yes: return Keeper::Guarding::never;
    case OptOut::unknown: break;
    }
    return Keeper::Guarding::when_seen;
}

repair::Result<std::unique_ptr<KubeletWatch>> KubeletWatch::start(Parts parts, VersionKnown version_known)
{
    std::unique_ptr<KubeletWatch> watch{new KubeletWatch{std::move(parts), std::move(version_known)}};
    auto* const self = watch.get();
    auto journal = KubeletJournal::create(self->parts_.loop, self->parts_.clock,
                                          {.line =
                                               [self](const KubeletLine& line) {
                                                   self->hear_line(line);
                                                   self->parts_.told();
                                               },
                                           .trouble = [self](const std::string& what) { self->report_trouble(what); },
                                           .gave_up = [self] { self->ask_version(); }},
                                          {});
    if (!journal)
        return tl::unexpected(journal.error());
    watch->journal_ = *std::move(journal);
    auto program = KubeletVersion::create(self->parts_.loop, self->parts_.clock, {});
    if (!program)
        return tl::unexpected(program.error());
    watch->program_ = *std::move(program);
    auto timer = self->parts_.loop.add_timer([self] {
        if (self->followed_)
            self->read_configuration(*self->followed_);
        self->parts_.told();
    });
    if (!timer)
        return tl::unexpected(timer.error());
    watch->configuration_timer_ = *timer;
    return watch;
}

void KubeletWatch::hear_units(const std::optional<UnitsSeen>& seen)
{
    const bool is_new = seen && seen->kubelet && (!followed_ || followed_->invocation != seen->kubelet->invocation);
    if (is_new)
        follow(*seen->kubelet);
    if (seen && !seen->kubelet) {
        journal_->stop();
        followed_.reset();
    }
    parts_.keeper.hear_units(seen);
}

// Before the keeper hears of the instance: a kubelet that opted out must not be written for at all.
void KubeletWatch::follow(const KubeletUnit& kubelet)
{
    followed_ = kubelet;
    reported_.clear();
    version_.clear();
    unsupported_ = false;
    if (const auto followed = journal_->follow(kubelet.invocation, kubelet.active_since); !followed)
        report_trouble(followed.error().what);
    read_configuration(kubelet);
}

// What is not known yet is asked again soon; until then nothing is written for it.
void KubeletWatch::read_configuration(const KubeletUnit& kubelet)
{
    constexpr Duration soon = std::chrono::milliseconds{50};
    if (!has_executed("/proc", kubelet.main_pid)) {
        configuration_timer_->set(parts_.clock.now() + soon);
        return guard_all(Keeper::Guarding::when_seen);
    }
    const auto [opt_out, reason] = read_opt_out("/proc", kubelet_process("/proc", kubelet.main_pid));
    opted_out_ = opt_out == OptOut::yes;
    if (opt_out == OptOut::unknown)
        report_trouble(
            fmt::format("{}; nothing is written for this kubelet before a chain of its making was seen", reason));
    guard_all(unsupported_ ? Keeper::Guarding::never : guarding_of(opt_out));
    if (opted_out_)
        journal_->stop();
}

void KubeletWatch::hear_line(const KubeletLine& line)
{
    using Kind = KubeletLine::Kind;
    switch (line.kind) {
    case Kind::version:
        // k0s and rke2 start kubelet after their unit has begun: now it is there to be asked.
        if (followed_)
            read_configuration(*followed_);
        return hear_version(line.version);
    case Kind::no_iptables: journal_->stop(); return guard_all(Keeper::Guarding::never);
    case Kind::initialised:
    case Kind::init_failed: break;
    }
    if (!line.family)
        return;
    if (!unsupported_)
        parts_.keeper.guard(*line.family, Keeper::Guarding::always);
    parts_.keeper.hear_init(*line.family, line.kind == Kind::initialised);
    reported_.insert(*line.family);
    // Nothing that follows in this journal is of any interest, and every line of it would wake us.
    if (reported_.size() == repair::all_families.size()) {
        journal_->stop();
        ask_version();
    }
}

// kubelet logs its version before anything else: what has not said it by the end will not.
void KubeletWatch::ask_version()
{
    if (!version_.empty() || !followed_)
        return;
    const auto asked = followed_->invocation;
    program_->ask(kubelet_process("/proc", followed_->main_pid),
                  [this, asked](const repair::Result<std::string>& version) {
                      if (!followed_ || followed_->invocation != asked)
                          return;
                      if (version)
                          hear_version(*version);
                      else
                          report_trouble(version.error().what);
                  });
}

void KubeletWatch::hear_version(const std::string& version)
{
    if (std::exchange(version_, version) == version)
        return;
    unsupported_ = !version_known_(version);
    if (unsupported_)
        guard_all(Keeper::Guarding::never);
}

void KubeletWatch::guard_all(Keeper::Guarding guarding)
{
    for (const auto family : repair::all_families)
        parts_.keeper.guard(family, guarding);
}

void KubeletWatch::report_trouble(const std::string& what)
{
    parts_.sink.report(Trouble{.at = parts_.clock.now(), .what = what});
}

}  // namespace chainkeeper::daemon
