// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/command/command.hpp"
#include "daemon/command/output_file.hpp"
#include "daemon/command/screen.hpp"
#include "daemon/doctor/checks.hpp"
#include "daemon/doctor/doctor_metrics.hpp"
#include "daemon/doctor/doctor_text.hpp"
#include "daemon/doctor/examination.hpp"
#include "daemon/doctor/node_policy.hpp"
#include "daemon/short_text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/utsname.h>
#include <unistd.h>

namespace chainkeeper::daemon {

namespace {

int list(const CommandOptions& options)
{
    if (options.json)
        print_json(doctor::list_json());
    else
        fmt::print("{}", doctor::list_text());
    return exit_healthy;
}

int exit_code_of(doctor::Verdict worst)
{
    switch (worst) {
    case doctor::Verdict::critical:
    case doctor::Verdict::warning: return exit_findings;
    case doctor::Verdict::unknown: return exit_unknown;
    case doctor::Verdict::ok:
    case doctor::Verdict::not_applicable: return exit_healthy;
    }
    return exit_unknown;
}

std::string running_kernel()
{
    utsname name{};
    return uname(&name) == 0 ? static_cast<const char*>(name.release) : "";
}

// Before anything is printed, which may fail; what was seen is printed all the same where this does.
bool write_textfile(const std::filesystem::path& file, const std::vector<doctor::Examined>& examined)
{
    if (file.empty())
        return true;
    const auto written = write_output_file(file, doctor::metrics_text(examined, SystemClock{}.wall()));
    if (!written)
        fmt::print(stderr, "chainkeeper: {}\n", written.error().what);
    return written.has_value();
}

// The machine's own root has a ruleset and a kernel that runs; any other is an image.
std::vector<doctor::Examined> examine(const doctor::Root& root, const CommandOptions& options,
                                      const DoctorOptions& wanted, const doctor::Thresholds& thresholds)
{
    const doctor::KernelLocalnetGuard of_kernel;
    const doctor::NoLocalnetGuard none;
    const doctor::KernelRulesets rulesets;
    const doctor::KernelLossCounters of_ctnetlink;
    std::error_code error;
    const bool is_own = std::filesystem::equivalent(wanted.root, "/", error) && !error;
    const auto& guard = is_own ? static_cast<const doctor::LocalnetGuard&>(of_kernel) : none;
    const auto& counters = is_own ? static_cast<const doctor::LossCounters&>(of_ctnetlink) : doctor::no_loss_counters;
    return doctor::examine({.root = root,
                            .localnet_guard = guard,
                            .rulesets = rulesets,
                            .running_kernel = is_own ? running_kernel() : std::string{},
                            .policy = options.policy,
                            .thresholds = thresholds.values,
                            .disruptors = thresholds.disruptors,
                            .loss_counters = counters},
                           doctor::checks_named(wanted.preflight ? doctor::preflight_names() : wanted.checks));
}

}  // namespace

int run_doctor(const CommandOptions& options, const DoctorOptions& wanted)
{
    if (wanted.list)
        return list(options);
    const auto root = doctor::Root::open(wanted.root);
    if (!root)
        return give_up(options, root.error());
    const auto thresholds = doctor::thresholds_of(*root, options.policy.policy);
    const auto examined = examine(*root, options, wanted, thresholds);
    const bool is_written = write_textfile(wanted.textfile, examined);
    if (!thresholds.error.empty())
        fmt::print(stderr, "chainkeeper: {}\n", short_text(thresholds.error, doctor::longest_sentence));
    if (options.json)
        print_json(doctor::doctor_json(examined, thresholds.error));
    else if (wanted.brief)
        fmt::print("{}", doctor::brief_text(examined));
    else
        fmt::print("{}", doctor::doctor_text(examined, wants_colours(STDOUT_FILENO)));
    if (!is_written)
        return exit_unknown;
    const int exit_code = exit_code_of(doctor::worst_of(examined));
    // What an image has to have is not known.
    const bool is_in_doubt = wanted.preflight && !thresholds.error.empty() && exit_code == exit_healthy;
    return is_in_doubt ? exit_unknown : exit_code;
}

}  // namespace chainkeeper::daemon
