// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/status.hpp"

#include "repair/json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace chainkeeper::daemon {

namespace {

using nlohmann::json;

json text_or_null(const std::string& text)
{
    return text.empty() ? json{} : json(text);
}

json time_or_null(const std::optional<policies::WallTime>& time)
{
    return time ? json(utc_text(*time)) : json{};
}

// A torn last line of the history is no entry.
json parsed_or_null(const std::string& text)
{
    auto parsed = json::parse(text, nullptr, false);
    return parsed.is_discarded() ? json{} : parsed;
}

json healthy_json(const Status& status)
{
    if (status.families.empty())
        return {};
    return std::ranges::all_of(status.families, [](const auto& family) { return family.diagnosis.healthy(); });
}

std::string_view kubelet_state(const std::optional<UnitsSeen>& units)
{
    if (!units)
        return "unknown";
    return units->kubelet ? "active" : "inactive";
}

json kubelet_json(const Status& status)
{
    json object{{"state", kubelet_state(status.units)},
                {"unit", {}},
                {"invocation", {}},
                {"active_since_us", {}},
                {"main_pid", {}},
                {"version", text_or_null(status.kubelet_version)},
                {"opted_out", status.opted_out}};
    if (!status.units || !status.units->kubelet)
        return object;
    const auto& unit = *status.units->kubelet;
    const auto since = std::chrono::floor<std::chrono::microseconds>(unit.active_since.time_since_epoch());
    object["unit"] = unit.name;
    object["invocation"] = text_or_null(unit.invocation);
    object["active_since_us"] = since.count();
    object["main_pid"] = unit.main_pid == 0 ? json{} : json(unit.main_pid);
    return object;
}

json jobs_json(const std::optional<UnitsSeen>& units)
{
    auto jobs = json::array();
    if (units)
        for (const auto& job : units->disruptor_jobs)
            jobs.push_back({{"unit", job.unit}, {"type", job.type}});
    return jobs;
}

json family_json(const Status::Family& family)
{
    return {{"family", to_string(family.diagnosis.family)},
            {"diagnosis", repair::to_json(family.diagnosis)},
            {"decision", to_string(family.decision)},
            {"monitor", to_string(family.monitor)},
            {"source", to_string(family.source)},
            {"guarded", family.guarded},
            {"left_out", family.left_out},
            {"monitor_deadline", time_or_null(family.monitor_deadline)},
            {"standoff_until", time_or_null(family.standoff_until)},
            {"standoff_against", text_or_null(family.standoff_against)},
            {"at_flush", text_or_null(family.at_flush)}};
}

json families_json(const Status& status)
{
    auto families = json::array();
    for (const auto& family : status.families)
        families.push_back(family_json(family));
    return families;
}

json last_repair_json(const std::optional<Status::LastRepair>& repair)
{
    if (!repair)
        return {};
    return {{"at", utc_text(repair->at)},
            {"family", to_string(repair->family)},
            {"decision", repair->decision},
            {"steps", repair->steps}};
}

}  // namespace

json to_json(const Status& status)
{
    return {{"healthy", healthy_json(status)},
            {"mode", text_or_null(status.mode)},
            {"backend", {{"name", text_or_null(status.backend)}, {"evidence", text_or_null(status.backend_evidence)}}},
            {"systemd", status.units.has_value()},
            {"disruptor_jobs", jobs_json(status.units)},
            {"kubelet", kubelet_json(status)},
            {"families", families_json(status)},
            {"hold", status.hold ? parsed_or_null(to_json(*status.hold)) : json{}},
            {"change_window",
             {{"open_until", time_or_null(status.window_open_until)},
              {"opens_next", time_or_null(status.window_opens_next)}}},
            {"last_repair", last_repair_json(status.last_repair)},
            {"last_incident", parsed_or_null(status.last_incident)},
            {"policy_error", text_or_null(status.policy_error)}};
}

}  // namespace chainkeeper::daemon
