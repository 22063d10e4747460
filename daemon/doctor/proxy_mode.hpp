// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/rulesets.hpp"
#include "repair/survey.hpp"

#include <span>
#include <string_view>

namespace chainkeeper::daemon::doctor {

// A chain without which nothing works, and the base chain that leads to it.
struct Way {
    std::string_view table;
    std::string_view chain;
    std::string_view from;
};

// kube-proxy in one of its modes: what it always makes, and how it calls the chains of single Services and endpoints.
struct Mode {
    std::string_view name;
    std::span<const Way> ways;
    std::span<const Way> others;                    // reached from elsewhere than a base chain
    std::span<const Way> led_to;                    // if they are there, something leads to them
    std::span<const std::string_view> never_empty;  // nor are these, if they are there; in the table of Services
    std::string_view masquerading;                  // the same; a rule of it masquerades
    std::string_view service_table;
    std::span<const std::string_view> service_prefixes;

    // In a table of its own, `kube-proxy`.
    [[nodiscard]] bool is_nftables() const { return service_table == kube_proxy_table; }
    [[nodiscard]] bool is_service(std::string_view chain) const;
};

// The one whose chains are there, by what kubelet makes none of, in any version. Nothing where kube-proxy has no chain
// but its canaries, which it leaves behind when it goes. What is left of ipvs when the mode is another one, nothing
// leads to.
const Mode* mode_of(const repair::Survey& survey);

// Something leads to nat KUBE-SERVICES.
bool has_way_to_services(const repair::Survey& survey);
// It has a table of its own, or a chain that kubelet makes none of, with rules, and something leads to that.
bool is_in_use(const repair::Survey& survey);

}  // namespace chainkeeper::daemon::doctor
