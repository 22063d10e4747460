// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/examination.hpp"

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace chainkeeper::daemon::doctor {

// Whatever was found: what a check says is short.
inline constexpr std::size_t longest_sentence = 2000;

// For people: a heading for each check, what it saw and what to do; the worst first. The last line says what to do
// first.
std::string doctor_text(std::vector<Examined> examined, bool colours);

// What node-problem-detector keeps of a plugin's output, in bytes.
inline constexpr std::size_t brief_width = 80;

// One line for it, no longer than that: what is worst, or that there is nothing.
std::string brief_text(std::vector<Examined> examined);

// {"verdict": "critical", "first": "forwarding", "policy_error": "",
//  "checks": [{"name": "…", "verdict": "…", "question": "…",
//  "evidence": ["…"], "next_step": "…"}, …]}
// The worst first; "first" is empty where nothing is to be done.
nlohmann::json doctor_json(std::vector<Examined> examined, const std::string& policy_error = "");

// Of --list: [{"name": "…", "question": "…"}, …]
std::string list_text();
nlohmann::json list_json();

}  // namespace chainkeeper::daemon::doctor
