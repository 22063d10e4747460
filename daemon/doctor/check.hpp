// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/conntrack_losses.hpp"
#include "daemon/doctor/localnet_guard.hpp"
#include "daemon/doctor/root.hpp"
#include "daemon/doctor/rulesets.hpp"
#include "daemon/options.hpp"
#include "policies/policy.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::daemon::doctor {

// In the order of what to look at first.
enum class Verdict : std::uint8_t { critical, warning, unknown, ok, not_applicable };

// "critical", …: the stable name in JSON. label_of(): short, for people.
std::string_view to_string(Verdict verdict);
std::string_view label_of(Verdict verdict);

// A number that came by the way: a sample of one of doctor_metrics().
struct Figure {
    std::string metric;
    std::map<std::string, std::string> labels;
    std::uint64_t value = 0;
    bool operator==(const Figure&) const = default;
};

// What a check came to.
struct Judgement {
    Verdict verdict = Verdict::ok;
    std::vector<std::string> evidence;  // sentences; the first is of what gave the verdict
    std::string next_step{};            // empty where nothing is to be done
    std::vector<Figure> figures{};      // for Prometheus alone

    // One thing more that was seen. The worst verdict counts, and of several as bad the first next step.
    void add(Verdict worst, std::string seen, std::string_view step = "");
    // It could not be looked at.
    void add_unknown(std::string reason);
};

// What there is to look at.
struct Node {
    const Root& root;
    const LocalnetGuard& localnet_guard;
    const Rulesets& rulesets;
    std::string running_kernel{};  // "6.1.0-13-amd64"; empty of an image, where none runs
    PolicyOptions policy{};
    policies::Policy::Doctor thresholds{};
    std::vector<std::string> disruptors{};  // units of the policy, besides those that everybody knows
    const LossCounters& loss_counters = no_loss_counters;

    [[nodiscard]] bool is_image() const { return running_kernel.empty(); }
};

// Tells of each ruleset of the node, and adds what cannot be read. An image has none: the check does not apply.
Judgement examine_rulesets(const Node& node,
                           const std::function<void(Judgement&, const Place&, const repair::Survey&)>& judge);

// One thing that people look at by hand when a node's network is broken. Looking changes nothing.
class Check {
public:
    Check() = default;
    Check(const Check&) = delete;
    Check& operator=(const Check&) = delete;
    Check(Check&&) = delete;
    Check& operator=(Check&&) = delete;
    virtual ~Check() = default;

    // Stable.
    [[nodiscard]] virtual std::string_view name() const = 0;
    // What it answers.
    [[nodiscard]] virtual std::string_view question() const = 0;
    // An image of a node has to pass it (--preflight).
    [[nodiscard]] virtual bool is_preflight() const { return false; }
    // It asks Node::rulesets, which takes a while on a large node, and is done once for all that do.
    [[nodiscard]] virtual bool reads_rulesets() const { return false; }
    // It looks into what other processes have mounted, which may hang: of those that share a process it comes last.
    [[nodiscard]] virtual bool may_hang() const { return false; }
    // By when it has an answer, whatever hangs.
    [[nodiscard]] virtual std::chrono::milliseconds deadline() const
    {
        return reads_rulesets() ? std::chrono::seconds{10} : std::chrono::seconds{3};
    }
    [[nodiscard]] virtual Judgement examine(const Node& node) const = 0;
};

}  // namespace chainkeeper::daemon::doctor
