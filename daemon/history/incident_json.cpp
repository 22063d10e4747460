// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/history/incident.hpp"

#include "daemon/short_text.hpp"
#include "daemon/utc_time.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace chainkeeper::daemon {

namespace {

// "at" first, for people who read the file.
using Json = nlohmann::ordered_json;
using repair::Outcome;

// How much of an incident is written. Sizes are in bytes.
struct Detail {
    std::size_t findings;  // of each family
    std::size_t moments;
    std::size_t text;  // of each finding, moment and reason
};
// The first that fits is taken. The last one does always: what it leaves is bounded by the limits below.
constexpr std::array details{
    Detail{.findings = 25, .moments = 64, .text = 512},
    Detail{.findings = 25, .moments = 32, .text = 128},
    Detail{.findings = 8, .moments = 16, .text = 96},
    Detail{.findings = 0, .moments = 0, .text = 96},
};
constexpr std::size_t longest_name = 256;
constexpr std::size_t longest_command_line = 1024;
constexpr std::size_t most_ancestors = 16;
constexpr std::size_t longest_ancestor = 64;
constexpr std::size_t longest_gap = 128;

Json known(std::string_view text, std::size_t most)
{
    return text.empty() ? Json{} : Json(short_text(text, most));
}

Json texts_json(const std::vector<std::string>& texts, std::size_t count, std::size_t longest)
{
    auto array = Json::array();
    for (std::size_t index = 0; index < std::min(count, texts.size()); ++index)
        array.push_back(short_text(texts[index], longest));
    return array;
}

Json culprit_json(const std::optional<Culprit>& culprit)
{
    if (!culprit)
        return {};
    return {{"unit", known(culprit->unit, longest_name)},
            {"pid", culprit->pid},
            {"comm", known(culprit->comm, longest_name)},
            {"command_line", known(culprit->command_line, longest_command_line)},
            {"ancestors", texts_json(culprit->ancestors, most_ancestors, longest_ancestor)},
            {"confidence", to_string(culprit->confidence)}};
}

Json outcome_json(const std::optional<Outcome>& outcome)
{
    return outcome ? Json(to_string(outcome->kind)) : Json{};
}

Json generation_json(const std::optional<Outcome>& outcome)
{
    return outcome && outcome->kind == Outcome::Kind::committed ? Json(outcome->generation) : Json{};
}

Json family_json(const Incident::Family& family, const Detail& detail)
{
    const auto written = std::min(family.findings.size(), detail.findings);
    return {{"family", to_string(family.family)},
            {"decision", to_string(family.decision)},
            {"monitor", to_string(family.monitor)},
            {"source", to_string(family.source)},
            {"findings", texts_json(family.findings, written, detail.text)},
            {"findings_omitted", family.findings_omitted + family.findings.size() - written},
            {"steps", family.steps},
            {"outcome", outcome_json(family.outcome)},
            {"reason", family.outcome ? known(family.outcome->detail, detail.text) : Json{}},
            {"generation", generation_json(family.outcome)},
            {"stale_commits", family.stale_commits},
            {"verified", family.verified ? Json(*family.verified) : Json{}}};
}

Json moment_json(const Incident& incident, const Incident::Moment& moment, const Detail& detail)
{
    const auto since = std::chrono::floor<std::chrono::microseconds>(moment.at - incident.began);
    return {{"us", since.count()}, {"event", moment.event}, {"text", short_text(moment.text, detail.text)}};
}

// The beginning and, three times as long, the end.
Json timeline_json(const Incident& incident, const Detail& detail)
{
    auto array = Json::array();
    const auto count = incident.timeline.size();
    const auto written = std::min(count, detail.moments);
    for (std::size_t index = 0; index < count; ++index)
        if (index < written / 4 || index >= count - (written - written / 4))
            array.push_back(moment_json(incident, incident.timeline[index], detail));
    return array;
}

Json incident_json(const Incident& incident, std::string_view boot, const Detail& detail)
{
    auto families = Json::array();
    for (const auto& family : incident.families)
        families.push_back(family_json(family, detail));
    auto timeline = timeline_json(incident, detail);
    const auto moments_omitted = incident.moments_omitted + incident.timeline.size() - timeline.size();
    return {{"at", utc_text(incident.began_wall)},
            {"boot", short_text(boot, longest_name)},
            {"culprit", culprit_json(incident.culprit)},
            {"lost",
             {{"tables", incident.lost.tables},
              {"chains", incident.lost.chains},
              {"rules", incident.lost.rules},
              {"entries", incident.lost.entries}}},
            {"transactions", incident.transactions},
            {"gaps", texts_json(incident.gaps, incident.gaps.size(), longest_gap)},
            {"families", std::move(families)},
            {"timeline", std::move(timeline)},
            {"timeline_omitted", moments_omitted}};
}

}  // namespace

std::string to_json(const Incident& incident, std::string_view boot)
{
    std::string line;
    for (const auto& detail : details) {
        line = incident_json(incident, boot, detail).dump(-1, ' ', false, Json::error_handler_t::replace);
        if (line.size() <= longest_incident)
            break;
    }
    return line;
}

}  // namespace chainkeeper::daemon
