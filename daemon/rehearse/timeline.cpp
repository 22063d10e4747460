// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/rehearse/timeline.hpp"

#include "daemon/report_text.hpp"
#include "repair/printable.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace chainkeeper::daemon {

namespace {

struct Moment {
    Instant at;
    std::string_view event;
    std::string text;
};

Moment moment_of(const Report& report)
{
    return {instant_of(report), event_of(report), lines_of(report).front().text};
}

std::vector<Moment> moments_of(const Rehearsed& rehearsed)
{
    std::vector<Moment> moments;
    for (const auto& report : rehearsed.reports)
        moments.push_back(moment_of(report));
    const auto count = rehearsed.scenario->commands.size();
    moments.push_back({rehearsed.commands_ended, "replayed", fmt::format("{} command(s) had ended", count)});
    std::ranges::stable_sort(moments, {}, &Moment::at);
    return moments;
}

std::int64_t microseconds_since(Instant start, Instant instant)
{
    return std::chrono::duration_cast<std::chrono::microseconds>(instant - start).count();
}

std::size_t accepted(const std::vector<CheckVerdict>& verdicts)
{
    return static_cast<std::size_t>(std::ranges::count(verdicts, 0, &CheckVerdict::exit_code));
}

std::optional<GenerationHeard> culprit_of(const Rehearsed& rehearsed)
{
    for (const auto& report : rehearsed.reports)
        if (const auto* const settled = std::get_if<Settled>(&report))
            return settled->burst.worst;
    return std::nullopt;
}

}  // namespace

std::string timeline_text(const Rehearsed& rehearsed)
{
    std::string text = fmt::format("{}\n", rehearsed.scenario->name);
    for (const auto& [at, event, what] : moments_of(rehearsed))
        text += fmt::format("{:>10} µs  {:<9}  {}\n", microseconds_since(rehearsed.started, at), event, what);
    const auto& verdicts = rehearsed.verdicts;
    text += fmt::format("               iptables -C and -S know {} of {} guarded objects\n", accepted(verdicts),
                        verdicts.size());
    for (const auto& failure : rehearsed.failures)
        text += fmt::format("               {}\n", repair::printable(failure));
    return text + (rehearsed.healed() ? "               healed\n" : "               NOT HEALED\n");
}

nlohmann::json timeline_json(const Rehearsed& rehearsed)
{
    auto timeline = nlohmann::json::array();
    for (const auto& [at, event, what] : moments_of(rehearsed))
        timeline.push_back({{"us", microseconds_since(rehearsed.started, at)}, {"event", event}, {"text", what}});
    auto checks = nlohmann::json::array();
    for (const auto& [command, exit_code] : rehearsed.verdicts)
        checks.push_back({{"command", fmt::format("{}", fmt::join(command, " "))}, {"exit_code", exit_code}});
    nlohmann::json json{{"scenario", rehearsed.scenario->name},
                        {"healed", rehearsed.healed()},
                        {"timeline", std::move(timeline)},
                        {"checks", std::move(checks)},
                        {"failures", rehearsed.failures}};
    if (const auto culprit = culprit_of(rehearsed))
        json["culprit"] = {{"comm", culprit->culprit.comm}, {"pid", culprit->culprit.pid}};
    return json;
}

}  // namespace chainkeeper::daemon
