// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/command/one_look.hpp"

#include "daemon/instance_lock.hpp"
#include "daemon/memory.hpp"
#include "daemon/policy_source.hpp"
#include "daemon/state_file.hpp"
#include "repair/nft/backend.hpp"
#include "repair/recorder.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace chainkeeper::daemon {

namespace {

// Gathers what the keeper reports, family by family.
class LookSink final : public ReportSink {
public:
    void report(const Report& report) override
    {
        if (const auto* const decided = std::get_if<Decided>(&report))
            keep(*decided);
        else if (const auto* const committed = std::get_if<Committed>(&report))
            look_of(committed->plan.family).committed = *committed;
        else if (const auto* const verified = std::get_if<Verified>(&report))
            look_of(verified->after.family).verified = *verified;
        else if (const auto* const trouble = std::get_if<Trouble>(&report))
            looked_.troubles.push_back(trouble->what);
    }
    Looked looked() && { return std::move(looked_); }

private:
    // A stale commit decides again, and the last decision counts.
    void keep(const Decided& decided)
    {
        std::erase_if(looked_.families, [&](const FamilyLook& look) {
            return look.decided.diagnosis.family == decided.diagnosis.family;
        });
        looked_.families.push_back({.decided = decided, .committed = std::nullopt, .verified = std::nullopt});
    }

    // Every commit has a decision before it.
    FamilyLook& look_of(repair::Family family)
    {
        return *std::ranges::find(looked_.families, family,
                                  [](const FamilyLook& look) { return look.decided.diagnosis.family; });
    }

    Looked looked_;
};

tl::expected<Keeper::Settings, std::string> settings_of(const CommandOptions& options, bool dry_run)
{
    return load_effective_policy(options.policy.policy)
        .map_error([](const auto& error) { return error.what; })
        .and_then(make_settings)
        .map([&](Keeper::Settings settings) {
            settings.dry_run = settings.dry_run || dry_run;
            settings.assumed_monitor = options.policy.assumed_monitor;
            // Whoever asks for one look does not wait for kubelet to begin.
            settings.timing.init_grace = Duration::zero();
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

}  // namespace

tl::expected<Looked, std::string> look_once(const CommandOptions& options, bool dry_run)
{
    auto settings = settings_of(options, dry_run);
    if (!settings)
        return tl::unexpected(settings.error());
    auto backend = repair::nft::NftBackend::open();
    if (!backend)
        return tl::unexpected(backend.error().what);
    tl::expected<FileDescriptor, std::string> lock;
    if (!settings->dry_run)
        if (lock = lock_for_writing(); !lock)
            return tl::unexpected(lock.error());
    const bool writes = !settings->dry_run;
    repair::Recorder recorder{**backend};
    const SystemClock clock;
    LookSink sink;
    repair::Backend& writer = writes ? static_cast<repair::Backend&>(**backend) : recorder;
    Keeper keeper{{.backend = writer, .clock = clock, .sink = sink}, *std::move(settings)};
    Memory memory{runtime_directory(), state_directory()};
    if (!options.policy.assumed_monitor)
        memory.recall(keeper, sink, clock.now());
    keeper.look();
    if (writes) {
        // Where it cannot be made, keep() says that nothing was kept.
        [[maybe_unused]] const auto made = make_directory(state_directory());
        memory.keep(keeper, sink, clock.now());
    }
    return std::move(sink).looked();
}

}  // namespace chainkeeper::daemon
