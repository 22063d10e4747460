// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/disruptors_check.hpp"

#include "daemon/bus/unit_history.hpp"
#include "daemon/bus/unit_name.hpp"
#include "daemon/doctor/firewall_command.hpp"
#include "daemon/doctor/short_list.hpp"
#include "daemon/doctor/unit_files.hpp"
#include "daemon/short_text.hpp"
#include "daemon/utc_time.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <optional>

namespace chainkeeper::daemon::doctor {

namespace {

using Histories = std::optional<UnitHistories>;  // nothing: nobody can be asked

constexpr std::size_t longest_command = 120;
constexpr std::string_view service = ".service";
constexpr std::string_view timer = ".timer";
constexpr std::string_view ufw = "ufw.service";
constexpr std::array cron_folders{"/etc/cron.d",      "/etc/cron.hourly",  "/etc/cron.daily",
                                  "/etc/cron.weekly", "/etc/cron.monthly", "/var/spool/cron/crontabs",
                                  "/var/spool/cron"};
// Folders of at(1) and of Debian's cron, among the crontabs of others.
constexpr std::array<std::string_view, 3> spool_folders{"crontabs", "atjobs", "atspool"};

tl::expected<UnitHistory, std::string> history_of(const Root& root, const Histories& histories, const std::string& unit)
{
    if (histories)
        return histories->of(unit).map_error([](const auto& error) { return error.what; });
    const UnitFiles files{root};
    const auto exists = files.exists(unit);
    const auto enabled = files.is_enabled(unit);
    if (!exists || !enabled)
        return tl::unexpected(!exists ? exists.error() : enabled.error());
    return UnitHistory{
        .exists = *exists, .enablement = *enabled ? "enabled" : "disabled", .active = false, .last_ran = std::nullopt};
}

std::string time_of(const Histories& histories, const UnitHistory& history, std::string_view what)
{
    if (!histories)
        return "when it last ran cannot be told here";
    return history.last_ran ? fmt::format("last {} at {}", what, utc_text(*history.last_ran))
                            : fmt::format("not {} since the node has booted, as far as systemd knows", what);
}

bool will_run(const UnitHistory& history)
{
    return history.active || history.enablement.starts_with("enabled");
}

std::string state_of(const UnitHistory& history)
{
    return fmt::format("{}{}{}", history.enablement, history.active && !history.enablement.empty() ? " and " : "",
                       history.active ? "active" : "");
}

// Its unit is enabled and active where it does nothing, which is how Ubuntu installs it.
bool ufw_is_on(const Root& root)
{
    bool is_on = false;
    const auto lines = root.each_line("/etc/ufw/ufw.conf", [&](std::string_view line) {
        if (line.starts_with("ENABLED="))
            is_on = line.starts_with("ENABLED=yes");
    });
    return is_on || !lines || !*lines;  // what cannot be told may be on
}

void judge_unit(Judgement& judgement, const Root& root, const Histories& histories, const std::string& unit,
                std::vector<std::string>& harmless)
{
    const auto history = history_of(root, histories, unit);
    if (!history)
        return judgement.add_unknown(history.error());
    if (!history->exists)
        return;
    const auto when = time_of(histories, *history, "started, stopped or reloaded");
    if (unit == ufw && !ufw_is_on(root))
        return harmless.push_back(fmt::format("{} (ufw is off)", unit));
    if (!will_run(*history))
        return harmless.push_back(history->last_ran ? fmt::format("{} ({}; {})", unit, history->enablement, when)
                                                    : fmt::format("{} ({})", unit, history->enablement));
    judgement.add(
        Verdict::warning, fmt::format("{}: {}, and rewrites the firewall; {}", unit, state_of(*history), when),
        fmt::format("`systemctl disable {}` where nothing else needs it (without --now: its stop may flush once "
                    "more); else keep chainkeeperd running, which puts back what it takes",
                    unit));
}

// The unit that a timer starts.
std::string started_by(const std::string& name, const std::vector<std::string>& lines)
{
    constexpr std::string_view key = "Unit=";
    for (const auto& line : lines)
        if (line.starts_with(key))
            return line.substr(key.size());
    return name.substr(0, name.size() - timer.size()).append(service);
}

// The command by which a timer's unit rewrites the firewall; empty where it does not.
tl::expected<std::string, std::string> command_of_timer(const UnitFiles& files, const std::string& name,
                                                        const std::vector<std::string>& units)
{
    const auto timer_lines = files.lines_of(name);
    if (!timer_lines)
        return tl::unexpected(timer_lines.error());
    const auto unit = started_by(name, *timer_lines);
    if (std::ranges::find(units, unit) != units.end())
        return unit;
    if (unit.find('/') != std::string::npos)
        return std::string{};
    const auto lines = files.lines_of(unit);
    if (!lines)
        return tl::unexpected(lines.error());
    const auto found = std::ranges::find_if(
        *lines, [&](const std::string& line) { return line.starts_with("Exec") && rewrites_firewall(line, units); });
    return found == lines->end() ? std::string{} : fmt::format("{}: {}", unit, short_text(*found, longest_command));
}

void judge_timer(Judgement& judgement, const Root& root, const Histories& histories, const std::string& name,
                 const std::vector<std::string>& units)
{
    const auto command = command_of_timer(UnitFiles{root}, name, units);
    if (!command)
        return judgement.add_unknown(command.error());
    if (command->empty())
        return;
    const auto history = history_of(root, histories, name);
    if (!history)
        return judgement.add_unknown(history.error());
    if (will_run(*history))
        judgement.add(Verdict::warning,
                      fmt::format("{}: {}, and starts what rewrites the firewall ({}); {}", name, state_of(*history),
                                  *command, time_of(histories, *history, "elapsed")),
                      fmt::format("`systemctl disable --now {}` where nothing else needs it; else keep chainkeeperd "
                                  "running, which puts back what it takes",
                                  name));
}

void judge_timers(Judgement& judgement, const Root& root, const Histories& histories,
                  const std::vector<std::string>& units)
{
    const auto timers = UnitFiles{root}.ending_in(timer);
    if (!timers)
        return judgement.add_unknown(timers.error());
    for (const auto& name : *timers)
        judge_timer(judgement, root, histories, name, units);
}

void judge_cron_file(Judgement& judgement, const Root& root, const std::string& file,
                     const std::vector<std::string>& units)
{
    std::string command;
    const auto lines = root.each_line(file, [&](std::string_view line) {
        if (command.empty() && rewrites_firewall(line, units))
            command = short_text(line, longest_command);
    });
    if (!lines)
        return judgement.add_unknown(lines.error());
    if (!command.empty())
        judgement.add(
            Verdict::warning, fmt::format("{}: cron rewrites the firewall: {}", file, command),
            fmt::format("Take this line out of {} where nothing else needs it; else keep chainkeeperd running, "
                        "which puts back what it takes",
                        file));
}

// Of the folders of scripts, which run-parts(8) runs, what is executable.
bool is_run(const Root& root, const std::string& folder, const std::string& file)
{
    if (folder == "/etc/cron.d" || !folder.starts_with("/etc/cron."))
        return true;
    const auto executable = root.executable(file);
    return !executable || executable->value_or(false);  // what cannot be told is told by reading it
}

// What an editor or a package has left, which cron does not run.
bool is_left_over(std::string_view name)
{
    return name.starts_with('.') || name.ends_with('~') || name.find(".dpkg-") != std::string_view::npos ||
           name.find(".rpm") != std::string_view::npos;
}

void judge_cron(Judgement& judgement, const Root& root, const std::vector<std::string>& units)
{
    judge_cron_file(judgement, root, "/etc/crontab", units);
    for (const std::string folder : cron_folders) {
        const auto names = root.names(folder);
        if (!names) {
            judgement.add_unknown(names.error());
            continue;
        }
        for (const auto& name : names->value_or(std::vector<std::string>{})) {
            const auto file = fmt::format("{}/{}", folder, name);
            if (!is_left_over(name) && std::ranges::find(spool_folders, name) == spool_folders.end() &&
                is_run(root, folder, file))
                judge_cron_file(judgement, root, file, units);
        }
    }
}

// Those of the policy, and those that everybody knows.
std::vector<std::string> units_of(const std::vector<std::string>& of_policy)
{
    auto names = policies::Policy{}.repair.disruptors;
    names.insert(names.end(), of_policy.begin(), of_policy.end());
    std::vector<std::string> units;
    for (const auto& name : names)
        if (const auto unit = unit_name_from(name); unit && std::ranges::find(units, *unit) == units.end())
            units.push_back(*unit);
    return units;
}

}  // namespace

Judgement DisruptorsCheck::examine(const Node& node) const
{
    Judgement judgement;
    const auto units = units_of(node.disruptors);
    auto histories = node.is_image() ? repair::Result<Histories>{std::nullopt} : UnitHistories::open();
    if (!histories) {
        judgement.add(Verdict::unknown, histories.error().what,
                      "`systemctl status dbus` says what is wrong with D-Bus");
        return judgement;
    }
    std::vector<std::string> harmless;
    for (const auto& unit : units)
        judge_unit(judgement, node.root, *histories, unit, harmless);
    judge_timers(judgement, node.root, *histories, units);
    judge_cron(judgement, node.root, units);
    if (!harmless.empty())
        judgement.add(Verdict::ok, fmt::format("not started by themselves: {}", short_list(harmless)));
    if (judgement.evidence.empty())
        judgement.evidence.emplace_back("no unit, timer or cron file that is known to rewrite the firewall is there");
    return judgement;
}

}  // namespace chainkeeper::daemon::doctor
