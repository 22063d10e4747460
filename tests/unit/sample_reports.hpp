// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/report.hpp"

#include <vector>

namespace chainkeeper::tests {

inline constexpr daemon::Instant sample_start{std::chrono::hours{1}};
inline constexpr daemon::WallTime sample_wall{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21} +
                                              std::chrono::hours{8}};

// `iptables -F` of iptables.service, as it was read from /proc.
daemon::Culprit sample_culprit();
// Three transactions within 38 ms, of which the second took most.
daemon::Burst sample_burst(const daemon::Culprit& culprit);
// KUBE-FIREWALL is gone from the filter table.
repair::Diagnosis sample_diagnosis(repair::Family family = repair::Family::ipv4);
repair::Plan sample_plan(repair::Family family = repair::Family::ipv4);
daemon::Decided sample_decision(policies::Row row, policies::Action action,
                                repair::Family family = repair::Family::ipv4);

// A report of every daemon::Message, in their order, about which as little is known as there can be.
std::vector<daemon::Report> sparse_reports();

}  // namespace chainkeeper::tests
