// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/family.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::policies {

// How long things take, and when they happen: CLOCK_MONOTONIC, which kubelet's own timers follow too.
using Duration = std::chrono::nanoseconds;
struct MonotonicClock {
    using duration = Duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<MonotonicClock>;
    static constexpr bool is_steady = true;
};
using Instant = MonotonicClock::time_point;

enum class Mode : std::uint8_t {
    repair,
    dry_run,  // plans and reports; writes nothing
    off,      // reports that something is missing, and no more
};
inline constexpr std::array all_modes{Mode::repair, Mode::dry_run, Mode::off};

enum class BackendChoice : std::uint8_t {
    automatic,  // see daemon/backend_evidence.hpp
    nft,
};
inline constexpr std::array all_backend_choices{BackendChoice::automatic, BackendChoice::nft};

enum class OnDamage : std::uint8_t {
    report,
    rewrite,  // delete the rule that damages the chain
};
inline constexpr std::array all_on_damage{OnDamage::report, OnDamage::rewrite};

// "dry-run", "auto", "rewrite", …: the words of the policy file.
std::string_view to_string(Mode mode);
std::string_view to_string(BackendChoice choice);
std::string_view to_string(OnDamage on_damage);

// The policy file with every default filled in. One member a key, one struct a section.
struct Policy {
    struct Guard {
        std::vector<repair::Family> families{repair::Family::ipv4, repair::Family::ipv6};
        BackendChoice backend = BackendChoice::automatic;
        bool operator==(const Guard&) const = default;
    } guard;
    struct Kubelet {
        std::string version = "1.27";  // picks the profile: what this kubelet makes
        Duration monitor_interval = std::chrono::seconds{60};
        Duration init_grace = std::chrono::seconds{30};
        bool operator==(const Kubelet&) const = default;
    } kubelet;
    struct Repair {
        Mode mode = Mode::repair;
        OnDamage on_damage = OnDamage::report;
        Duration settle = std::chrono::milliseconds{500};
        Duration settle_deadline = std::chrono::seconds{10};
        bool operator==(const Repair&) const = default;
    } repair;
    bool operator==(const Policy&) const = default;
};

}  // namespace chainkeeper::policies
