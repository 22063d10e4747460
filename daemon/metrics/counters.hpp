// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/metrics/exposition.hpp"
#include "daemon/report.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>

namespace chainkeeper::daemon::metrics {

// The name of who flushed as it becomes a label. Those of which there may be any number share one: "foo@.service" for
// the instances of a template, "*.scope" for sessions and containers, "unknown" where nobody is named.
std::string culprit_label(const Culprit& culprit);

// So many of them are told apart, the first that there were; the rest is "other".
inline constexpr std::size_t most_culprits = 20;

// Counts what is reported, since the daemon was started.
class Counters final : public ReportSink {
public:
    Counters();

    void report(const Report& report) override;
    // To be called after each look.
    void end_of_look();
    void add_to(Exposition& exposition) const;

private:
    using Family = repair::Family;
    // The flush that a family waits to be mended of.
    struct Flush {
        Instant began;
        Instant settled;
        bool decided = false;  // something was decided about it
    };

    void hear(const Settled& settled);
    void hear(const Decided& decided);
    void hear(const Committed& committed);
    void hear(const Verified& verified);

    std::map<std::string, std::uint64_t> flushes_;  // by culprit
    std::uint64_t gaps_ = 0;
    std::map<std::tuple<Family, std::string, std::string_view>, std::uint64_t> repairs_;  // by decision and result
    std::map<Family, std::uint64_t> unfulfilled_;
    std::uint64_t stale_commits_ = 0;
    std::uint64_t troubles_ = 0;
    std::map<std::string_view, Histogram> stages_;
    Histogram recovery_;
    Histogram lock_wait_;

    std::map<Family, Flush> flushed_;
    std::map<Family, Decided> decided_;    // last
    std::map<Family, Instant> committed_;  // and not read back yet
};

}  // namespace chainkeeper::daemon::metrics
