// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/options.hpp"

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace chainkeeper::daemon {

// The exit codes of every command.
inline constexpr int exit_healthy = 0;   // nothing is missing, or nothing went wrong
inline constexpr int exit_findings = 1;  // something is missing, or did not end as it should
inline constexpr int exit_unknown = 2;   // it cannot be told: no rights, no nf_tables, a bad policy, bad usage

struct CommandOptions {
    PolicyOptions policy;
    bool json = false;
};

// The commands of `chainkeeper`. Each prints to standard output and returns an exit code.
int run_check(const CommandOptions& options);
int run_plan(const CommandOptions& options);
int run_repair(const CommandOptions& options, bool dry_run);
int run_policy_check(const std::filesystem::path& file, bool json);
int run_rehearse(const CommandOptions& options);

// To standard output, with what is not UTF-8 replaced.
void print_json(const nlohmann::json& json);

// Why a command cannot go on: to standard error as a sentence, or to standard output as {"error": "…"}. Returns
// exit_unknown.
int give_up(const CommandOptions& options, const std::string& reason);

}  // namespace chainkeeper::daemon
