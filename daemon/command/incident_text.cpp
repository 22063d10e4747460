// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/command/incident_text.hpp"

#include "daemon/burst.hpp"
#include "daemon/json_read.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <vector>

namespace chainkeeper::daemon {

namespace {

using nlohmann::json;

constexpr std::size_t most_findings = 25;

std::string text_of(const json& value)
{
    return value.is_string() ? value.get<std::string>() : std::string{};
}

std::vector<std::string> texts_of(const json& array)
{
    std::vector<std::string> texts;
    texts.reserve(array.size());
    for (const auto& value : array)
        texts.push_back(text_of(value));
    return texts;
}

// "iptables.service (iptables, pid 4711)", "nft (pid 4711)", "somebody"
std::string culprit_text(const json& culprit)
{
    const auto unit = text_member(culprit, "unit");
    const auto comm = text_member(culprit, "comm");
    const auto pid = count_member(culprit, "pid");
    if (comm.empty())
        return unit.empty() ? "somebody" : unit;
    return unit.empty() ? fmt::format("{} (pid {})", comm, pid) : fmt::format("{} ({}, pid {})", unit, comm, pid);
}

unsigned lost(const json& incident, std::string_view what)
{
    return static_cast<unsigned>(count_member(member(incident, "lost"), what));
}

void show_culprit(Screen& screen, const json& culprit)
{
    if (const auto command = text_member(culprit, "command_line"); !command.empty())
        screen.row("", fmt::format("it ran     {}", command));
    if (const auto ancestors = texts_of(array_member(culprit, "ancestors")); !ancestors.empty())
        screen.row("", fmt::format("run by     {}", fmt::join(ancestors, ", by ")));
    if (const auto confidence = text_member(culprit, "confidence"); !confidence.empty())
        screen.row("", fmt::format("known by   {}", confidence));
}

void show_family(Screen& screen, const json& family)
{
    const bool failed = member(family, "verified") == false;
    screen.row("", family_line(family), failed ? Colour::red : Colour::none);
    const auto findings = texts_of(array_member(family, "findings"));
    for (std::size_t index = 0; index < findings.size() && index < most_findings; ++index)
        screen.detail(findings[index]);
    if (findings.size() > most_findings)
        screen.detail(fmt::format("and {} more", findings.size() - most_findings));
}

}  // namespace

std::optional<json> incident_from_line(const std::string& line)
{
    auto incident = json::parse(line, nullptr, false);
    return incident.is_object() && member(incident, "at").is_string() ? std::optional{std::move(incident)}
                                                                      : std::nullopt;
}

std::string flush_line(const json& incident)
{
    const Losses losses{.tables = lost(incident, "tables"),
                        .chains = lost(incident, "chains"),
                        .rules = lost(incident, "rules"),
                        .entries = lost(incident, "entries")};
    if (!losses.any() && member(incident, "culprit").is_null())
        return "no flush was heard: a look found it so";
    const auto transactions = count_member(incident, "transactions");
    const auto within = transactions == 0 ? "" : fmt::format(" in {}", counted(transactions, "transaction"));
    return fmt::format("flush by {}: {} lost{}", culprit_text(member(incident, "culprit")), to_string(losses), within);
}

std::string family_line(const json& family)
{
    auto line = fmt::format("{}: {}", text_member(family, "family"), text_member(family, "decision"));
    if (const auto steps = count_member(family, "steps"); steps != 0)
        line += fmt::format(", {}", counted(steps, "step"));
    if (const auto outcome = text_member(family, "outcome"); !outcome.empty())
        line += fmt::format(", {}", outcome);
    if (const auto generation = count_member(family, "generation"); generation != 0)
        line += fmt::format(" as generation {}", generation);
    if (const auto& verified = member(family, "verified"); verified.is_boolean())
        line += verified.get<bool>() ? ", verified" : ", and NOT there any more afterwards";
    return line;
}

void show_incident(Screen& screen, const json& incident, bool with_timeline)
{
    screen.heading(clock_text(text_member(incident, "at")));
    screen.row("", flush_line(incident));
    show_culprit(screen, member(incident, "culprit"));
    for (const auto& gap : texts_of(array_member(incident, "gaps")))
        screen.row("", fmt::format("not heard  {}", gap));
    for (const auto& family : array_member(incident, "families"))
        show_family(screen, family);
    if (with_timeline)
        for (const auto& event : array_member(incident, "timeline"))
            screen.row("", fmt::format("{:>10} µs  {:<9}  {}", count_member(event, "us"), text_member(event, "event"),
                                       text_member(event, "text")));
}

}  // namespace chainkeeper::daemon
