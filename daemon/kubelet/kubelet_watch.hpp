// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/event_loop.hpp"
#include "daemon/keeper.hpp"
#include "daemon/kubelet/journal_line.hpp"
#include "daemon/kubelet/kubelet_config.hpp"
#include "daemon/kubelet/kubelet_journal.hpp"
#include "daemon/kubelet/kubelet_version.hpp"
#include "daemon/report.hpp"
#include "daemon/unit_state.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace chainkeeper::daemon {

// What a kubelet that answers so is guarded like.
Keeper::Guarding guarding_of(OptOut answer);

// Follows kubelet from instance to instance: whether it runs, whether it makes chains at all, what its journal says of
// them, and its version. Tells the keeper.
class KubeletWatch {
public:
    struct Parts {
        EventLoop& loop;
        const Clock& clock;
        ReportSink& sink;
        Keeper& keeper;
        std::function<void()> told;  // the keeper was told something: its next look may be due
    };
    using VersionKnown = std::function<bool(const std::string& version)>;

    // `version_known` is called with each version that an instance is found to have: "v1.34.2". False: what such a
    // kubelet makes is not known, and nothing is guarded for it.
    static repair::Result<std::unique_ptr<KubeletWatch>> start(Parts parts, VersionKnown version_known);
    KubeletWatch(const KubeletWatch&) = delete;
    KubeletWatch& operator=(const KubeletWatch&) = delete;
    KubeletWatch(KubeletWatch&&) = delete;
    KubeletWatch& operator=(KubeletWatch&&) = delete;
    ~KubeletWatch() = default;

    // What systemd says; goes on to the keeper.
    void hear_units(const std::optional<UnitsSeen>& seen);

    [[nodiscard]] const std::string& version() const { return version_; }
    [[nodiscard]] bool opted_out() const { return opted_out_; }

private:
    KubeletWatch(Parts parts, VersionKnown version_known)
        : parts_{std::move(parts)}, version_known_{std::move(version_known)}
    {
    }

    void follow(const KubeletUnit& kubelet);
    void read_configuration(const KubeletUnit& kubelet);
    void hear_line(const KubeletLine& line);
    void hear_version(const std::string& version);
    void guard_all(Keeper::Guarding guarding);
    void ask_version();
    void report_trouble(const std::string& what);

    Parts parts_;
    VersionKnown version_known_;
    std::unique_ptr<KubeletJournal> journal_;
    std::unique_ptr<KubeletVersion> program_;
    std::optional<EventLoop::Timer> configuration_timer_;
    std::optional<KubeletUnit> followed_;
    std::set<repair::Family> reported_;
    std::string version_;
    bool opted_out_ = false;
    bool unsupported_ = false;
};

}  // namespace chainkeeper::daemon
