// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/report_text.hpp"

#include <algorithm>
#include <cctype>
#include <fmt/format.h>

namespace chainkeeper::daemon {

namespace {

using policies::Action;
using policies::Decision;
using repair::Outcome;

Severity severity_of(const Decision& decision)
{
    switch (decision.action) {
    case Action::none:
    case Action::wait: return Severity::info;
    case Action::report:
    case Action::refuse:
    case Action::repair:
    case Action::would_repair: return Severity::warning;
    }
    return Severity::warning;
}

std::string duration_text(Duration duration)
{
    return fmt::format("{} ms", std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

struct LinesOf {
    std::vector<Line> operator()(const Heard& heard) const
    {
        return {{Severity::debug, fmt::format("generation {} by {}: {} lost", heard.generation.id,
                                              writer_text(heard.generation), to_string(heard.generation.losses))}};
    }

    std::vector<Line> operator()(const Settled& settled) const
    {
        const auto& burst = settled.burst;
        const auto culprit = burst.culprit();
        std::vector<Line> lines{
            {Severity::warning, fmt::format("flush by {}: {} lost in {} transaction(s) within {}",
                                            culprit ? writer_text(*culprit) : "somebody", to_string(burst.losses),
                                            burst.generation_count, duration_text(burst.last - burst.first))}};
        for (const auto& gap : burst.gaps)
            lines.push_back({Severity::warning, fmt::format("{}: the ruleset was read again", gap)});
        return lines;
    }

    std::vector<Line> operator()(const Decided& decided) const
    {
        const auto family = decided.diagnosis.family;
        std::vector<Line> lines{{severity_of(decided.decision), headline(decided)}};
        for (const auto& finding : decided.diagnosis.findings)
            lines.push_back({Severity::info, fmt::format("{}: {}", to_string(family), describe(family, finding))});
        if (decided.decision.action == Action::would_repair)
            for (const auto& step : decided.plan.steps)
                lines.push_back(
                    {Severity::info, fmt::format("{}: would {}", to_string(family), describe(family, step))});
        return lines;
    }

    std::vector<Line> operator()(const Committed& committed) const
    {
        const auto& outcome = committed.outcome;
        const auto family = to_string(committed.plan.family);
        const auto again = committed.stale_commits == 0
                               ? std::string{}
                               : fmt::format(", after the ruleset had moved on {} time(s)", committed.stale_commits);
        switch (outcome.kind) {
        case Outcome::Kind::committed:
            return {{Severity::info, fmt::format("{}: {} step(s) as generation {}{}", family,
                                                 committed.plan.steps.size(), outcome.generation, again)}};
        case Outcome::Kind::recorded: return {{Severity::info, fmt::format("{}: {}{}", family, outcome.detail, again)}};
        case Outcome::Kind::stale:
        case Outcome::Kind::denied:
        case Outcome::Kind::failed: break;
        }
        return {{Severity::error, fmt::format("{}: {}: {}{}", family, to_string(outcome.kind), outcome.detail, again)}};
    }

    std::vector<Line> operator()(const Verified& verified) const
    {
        const auto family = verified.after.family;
        if (verified.fulfilled)
            return {{Severity::info, fmt::format("{}: all that was to be repaired is there", to_string(family))}};
        std::vector<Line> lines{
            {Severity::error, fmt::format("{}: the repair was accepted and is not there any more", to_string(family))}};
        for (const auto& finding : verified.after.findings)
            lines.push_back({Severity::error, fmt::format("{}: {}", to_string(family), describe(family, finding))});
        return lines;
    }

    std::vector<Line> operator()(const Trouble& trouble) const { return {{Severity::error, trouble.what}}; }
    std::vector<Line> operator()(const Notice& notice) const { return {{Severity::info, notice.what}}; }

    static std::string headline(const Decided& decided)
    {
        const auto family = to_string(decided.diagnosis.family);
        const auto decision = to_string(decided.decision);
        if (decided.decision.row == policies::Row::healthy)
            return fmt::format("{}: {}", family, decision);
        if (decided.decision.row == policies::Row::backend_ambiguous)
            return fmt::format("{}: {} ({}; [guard] backend in the policy settles it)", family, decision,
                               decided.backend);
        return fmt::format("{}: {} ({} finding(s); kubelet's Monitor is {}, by {})", family, decision,
                           decided.diagnosis.findings.size(), to_string(decided.monitor), to_string(decided.source));
    }
};

}  // namespace

std::string printable(std::string_view text)
{
    std::string safe{text};
    std::ranges::replace_if(
        safe, [](unsigned char character) { return std::iscntrl(character) != 0; }, '?');
    return safe;
}

std::string writer_text(const GenerationHeard& generation)
{
    if (generation.comm.empty())
        return "somebody";
    return fmt::format("{} (pid {})", printable(generation.comm), generation.pid);
}

std::vector<Line> lines_of(const Report& report)
{
    auto lines = std::visit(LinesOf{}, report);
    for (auto& line : lines)
        line.text = printable(line.text);
    return lines;
}

}  // namespace chainkeeper::daemon
