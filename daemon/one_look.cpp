// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/one_look.hpp"

#include "daemon/backends.hpp"
#include "daemon/bus/system_bus.hpp"
#include "daemon/bus/units_now.hpp"
#include "daemon/instance_lock.hpp"
#include "daemon/kubelet/kubelet_config.hpp"
#include "daemon/kubelet/kubelet_process.hpp"
#include "daemon/kubelet/kubelet_watch.hpp"
#include "daemon/memory.hpp"
#include "daemon/policy_source.hpp"
#include "daemon/restraints.hpp"
#include "daemon/state_file.hpp"

#include <fmt/format.h>

namespace chainkeeper::daemon {

namespace {

tl::expected<Keeper::Settings, std::string> settings_of(const PolicyOptions& options, bool dry_run)
{
    return load_effective_policy(options.policy)
        .map_error([](const auto& error) { return error.what; })
        .and_then([](const policies::Policy& policy) { return make_settings(policy, gather_backend_evidence()); })
        .map([&](Keeper::Settings settings) {
            settings.dry_run = settings.dry_run || dry_run;
            settings.assumed_monitor = options.assumed_monitor;
            return settings;
        });
}

// Held while something may be written, so that no daemon of this runtime directory writes too.
tl::expected<FileDescriptor, std::string> lock_for_writing()
{
    return make_directory(runtime_directory())
        .and_then([] { return lock_instance(runtime_directory()); })
        .map_error([](const repair::Error& error) {
            return fmt::format("{}; a running daemon repairs by itself (--dry-run works beside it)", error.what);
        });
}

// What the daemon would know of the node beside the ruleset: the hold that is in force, the change windows, and, where
// there is a systemd, whether kubelet runs and what restarts the firewall. Gives why kubelet makes no chains.
std::string tell_of_node(Keeper& keeper, const std::optional<UnitsSeen>& units, Restraints& restraints)
{
    restraints.recall();
    keeper.restrain(restraints.update());
    if (!units)
        return {};
    std::string opted_out;
    if (units->kubelet) {
        const auto& kubelet = units->kubelet;
        const auto opt_out = read_opt_out("/proc", kubelet_process("/proc", kubelet->main_pid));
        if (opt_out.answer == OptOut::yes)
            opted_out = opt_out.why;
        for (const auto family : repair::all_families)
            keeper.guard(family, guarding_of(opt_out.answer));
    }
    keeper.hear_units(units);
    return opted_out;
}

}  // namespace

tl::expected<Looked, std::string> look_once(const PolicyOptions& options, bool dry_run)
{
    auto settings = settings_of(options, dry_run);
    if (!settings)
        return tl::unexpected(settings.error());
    auto backends = open_backends(settings->policy);
    if (!backends)
        return tl::unexpected(backends.error().what);
    tl::expected<FileDescriptor, std::string> lock;
    if (!settings->dry_run)
        if (lock = lock_for_writing(); !lock)
            return tl::unexpected(lock.error());
    const bool writes = !settings->dry_run;
    const SystemClock clock;
    LookSink sink;
    const bool is_dry_policy = settings->policy.repair.mode != policies::Mode::repair;
    const auto units = known_units(settings->policy, clock);
    if (!units)
        return tl::unexpected(units.error());
    // Where nothing tells when kubelet began, whoever asks for one look does not wait for it to begin.
    if (!*units)
        settings->timing.init_grace = Duration::zero();
    Restraints restraints{clock, sink, state_directory(), settings->policy.change_windows};
    Keeper keeper{{.backends = backends->view(), .clock = clock, .sink = sink}, *std::move(settings)};
    Memory memory{runtime_directory(), state_directory()};
    if (!options.assumed_monitor)
        memory.recall(keeper, sink, clock.now());
    const auto opted_out = tell_of_node(keeper, *units, restraints);
    keeper.look();
    if (writes) {
        // Where it cannot be made, keep() says that nothing was kept.
        [[maybe_unused]] const auto made = make_directory(state_directory());
        memory.keep(keeper, sink, clock.now());
    }
    auto looked = sink.looked();
    looked.opted_out = opted_out;
    looked.held_back = is_dry_policy || keeper.restraint().write_free || keeper.restraint().stopped;
    if (const auto known = keeper.backend_evidence().backend())
        looked.backend = to_string(*known);
    return looked;
}

}  // namespace chainkeeper::daemon
