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

// What people and other boots go by: holds and change windows. It can be set, and jumps.
using WallTime = std::chrono::sys_time<Duration>;

enum class Mode : std::uint8_t {
    repair,
    dry_run,  // plans and reports; writes nothing
    off,      // reports that something is missing, and no more
};
inline constexpr std::array all_modes{Mode::repair, Mode::dry_run, Mode::off};

enum class BackendChoice : std::uint8_t {
    automatic,  // see daemon/backend_evidence.hpp
    nft,
    legacy,
};
inline constexpr std::array all_backend_choices{BackendChoice::automatic, BackendChoice::nft, BackendChoice::legacy};

enum class OnDamage : std::uint8_t {
    report,
    rewrite,  // delete the rule that damages the chain
};
inline constexpr std::array all_on_damage{OnDamage::report, OnDamage::rewrite};

// How what kubelet would never notice by itself is mended.
enum class Strategy : std::uint8_t {
    rebuild,  // we put it back
    nudge,    // the mangle canary is deleted, so that kubelet's Monitor puts everything back
};
inline constexpr std::array all_strategies{Strategy::rebuild, Strategy::nudge};

// How a repair gets into the kernel.
enum class Transport : std::uint8_t {
    direct,            // by ourselves: one transaction
    iptables_restore,  // by the node's own iptables-restore: one transaction a table
};
inline constexpr std::array all_transports{Transport::direct, Transport::iptables_restore};

// A time in every week in which nothing is written. (policies/change_window.hpp says when)
struct ChangeWindow {
    std::vector<std::chrono::weekday> weekdays;  // on which it opens
    std::chrono::minutes start{};                // after midnight, by the clock on the wall there
    Duration duration{};                         // from the start to the end, whatever the clock there does
    std::string time_zone = "UTC";               // an IANA name
    bool operator==(const ChangeWindow&) const = default;
};

// "dry-run", "auto", "rewrite", …: the words of the policy file.
std::string_view to_string(Mode mode);
std::string_view to_string(Strategy strategy);
std::string_view to_string(BackendChoice choice);
std::string_view to_string(OnDamage on_damage);
std::string_view to_string(Transport transport);

// The policy file with every default filled in. One member a key, one struct a section.
struct Policy {
    struct Guard {
        std::vector<repair::Family> families{repair::Family::ipv4, repair::Family::ipv6};
        BackendChoice backend = BackendChoice::automatic;
        Duration legacy_poll = std::chrono::seconds{30};  // how often iptables-legacy's tables are asked after unbidden
        bool operator==(const Guard&) const = default;
    } guard;
    struct Kubelet {
        // Unit names without ".service". The first that is active is kubelet.
        std::vector<std::string> units{"kubelet",       "k3s",        "k3s-agent",
                                       "rke2-server",   "rke2-agent", "snap.microk8s.daemon-kubelite",
                                       "k0scontroller", "k0sworker"};
        bool require_active = true;    // nothing is written while none of them is
        std::string version = "auto";  // picks the profile: what this kubelet makes; "auto" asks kubelet
        Duration monitor_interval = std::chrono::seconds{60};
        Duration init_grace = std::chrono::seconds{30};
        bool operator==(const Kubelet&) const = default;
    } kubelet;
    struct Repair {
        Mode mode = Mode::repair;
        Strategy strategy = Strategy::rebuild;
        OnDamage on_damage = OnDamage::report;
        Transport transport = Transport::direct;
        Duration settle = std::chrono::milliseconds{500};
        Duration settle_deadline = std::chrono::seconds{10};
        Duration lock_deadline = std::chrono::seconds{5};  // after that long somebody else's xtables lock is reported
        // Unit names without ".service". Nothing is written while one of them has a job.
        std::vector<std::string> disruptors{"iptables", "ip6tables", "nftables", "firewalld", "netfilter-persistent",
                                            "ufw",      "shorewall"};
        bool operator==(const Repair&) const = default;
    } repair;
    struct Limits {
        unsigned repairs = 10;                         // a family may have this many in a row,
        Duration per = std::chrono::minutes{10};       // and this many in this time for good
        Duration backoff = std::chrono::minutes{1};    // the first standoff; each that follows is twice as long,
        Duration backoff_max = std::chrono::hours{1};  // up to this
        bool operator==(const Limits&) const = default;
    } limits;
    std::vector<ChangeWindow> change_windows;
    struct Report {
        std::size_t history_size = std::size_t{1} << 20U;  // bytes of history.jsonl
        std::string textfile;  // where the metrics are written for Prometheus' node_exporter; empty: nowhere
        bool operator==(const Report&) const = default;
    } report;
    // What a check of `chainkeeper doctor` warns of, and what it asks for.
    struct Doctor {
        unsigned conntrack_percent = 75;               // of the table of connections in use
        unsigned rule_limit = 10'000;                  // rules of one table and family
        Duration sync_p99 = std::chrono::seconds{5};   // kube-proxy's syncs: 99 of 100 are faster
        Duration sync_age = std::chrono::seconds{60};  // since kube-proxy synced last, while something is to be synced
        Duration lock_held = std::chrono::seconds{5};  // the xtables lock, by one process
        std::vector<std::string> required_modules;     // by the kernel's names: nf_tables, not nf-tables
        bool operator==(const Doctor&) const = default;
    } doctor;
    bool operator==(const Policy&) const = default;
};

}  // namespace chainkeeper::policies
