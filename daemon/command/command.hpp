// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/history/history_file.hpp"
#include "daemon/options.hpp"

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

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
int run_policy_show(const CommandOptions& options);
// `backend`: "nft", "legacy", "both"; empty: that of this machine's iptables.
int run_rehearse(const CommandOptions& options, const std::string& backend);

struct DoctorOptions {
    bool list = false;                // the checks there are, and nothing else
    std::vector<std::string> checks;  // those of these names; empty: all
    bool preflight = false;           // those that an image of a node has to pass
    std::filesystem::path root = "/";
    bool brief = false;              // one line, as node-problem-detector wants it
    std::filesystem::path textfile;  // where the metrics are written besides; empty: nowhere
};
// Looks, and changes nothing but that file.
int run_doctor(const CommandOptions& options, const DoctorOptions& wanted);

// FILE: "-" is standard output, or standard input.
int run_baseline_save(const CommandOptions& options, const std::filesystem::path& file);
int run_baseline_compare(const CommandOptions& options, const std::filesystem::path& file);

// Those that are about the daemon. Without one, status looks by itself, history reads its file, and the rest says how
// to start it.
int run_status(const CommandOptions& options);
int run_watch(const CommandOptions& options);
struct HoldOptions {
    std::string length;  // "2h"
    std::string reason;
    bool stop = false;
};
int run_hold(const CommandOptions& options, const HoldOptions& hold);
int run_release(const CommandOptions& options);
struct RecheckOptions {
    std::string reason;
    bool or_repair = false;  // as run_repair(), where no daemon can be asked
};
int run_recheck(const CommandOptions& options, const RecheckOptions& recheck);
int run_reload(const CommandOptions& options);
struct HistoryOptions {
    unsigned last = 20;
    bool with_timeline = false;
};
int run_history(const CommandOptions& options, const HistoryOptions& history);

// What a daemon has written, or writes.
HistoryFile recorded_history();
// Of a status: healthy, findings, or unknown where nothing was looked at.
int exit_code_of_status(const nlohmann::json& status);

// To standard output, with what is not UTF-8 replaced.
void print_json(const nlohmann::json& json);

// Why a command cannot go on: to standard error as a sentence, or to standard output as {"error": "…"}. Returns
// exit_unknown.
int give_up(const CommandOptions& options, const std::string& reason);

}  // namespace chainkeeper::daemon
