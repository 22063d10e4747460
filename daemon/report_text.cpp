// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/report_text.hpp"

#include "repair/printable.hpp"

#include <algorithm>
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

// More than a whole guarded set; what is beyond says no more, and would be written within the loop.
constexpr std::size_t most_findings = 25;

void add_findings(std::vector<Line>& lines, Severity severity, const repair::Diagnosis& diagnosis)
{
    const auto family = to_string(diagnosis.family);
    const auto count = diagnosis.findings.size();
    for (std::size_t index = 0; index < std::min(count, most_findings); ++index)
        lines.push_back(
            {severity, fmt::format("{}: {}", family, describe(diagnosis.family, diagnosis.findings[index]))});
    if (count > most_findings)
        lines.push_back({severity, fmt::format("{}: and {} more", family, count - most_findings)});
}

std::string flush_text(const Burst& burst)
{
    return fmt::format("flush by {}: {} lost in {} transaction(s) within {}",
                       burst.worst ? writer_text(*burst.worst) : "somebody", to_string(burst.losses),
                       burst.generation_count, duration_text(burst.last - burst.first));
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
        std::vector<Line> lines;
        if (burst.losses.any())
            lines.push_back({Severity::warning, flush_text(burst)});
        for (const auto& gap : burst.gaps)
            lines.push_back({Severity::warning, fmt::format("{}: the ruleset was read again", gap)});
        return lines;
    }

    std::vector<Line> operator()(const Decided& decided) const
    {
        const auto family = decided.diagnosis.family;
        std::vector<Line> lines{{severity_of(decided.decision), headline(decided)}};
        add_findings(lines, Severity::info, decided.diagnosis);
        if (decided.decision.action == Action::would_repair)
            for (const auto& step : decided.plan.steps)
                if (!std::holds_alternative<repair::DeleteRule>(step))
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
        add_findings(lines, Severity::error, verified.after);
        return lines;
    }

    std::vector<Line> operator()(const KubeletNews& news) const
    {
        if (!news.family)
            return {{Severity::info, news.what}};
        return {{Severity::info, fmt::format("{}: {}", to_string(*news.family), news.what)}};
    }

    std::vector<Line> operator()(const HoldSet& set) const
    {
        return {{Severity::warning, fmt::format("held by {}: {}", set.hold.login, set.hold.reason)}};
    }

    std::vector<Line> operator()(const HoldEnded& ended) const
    {
        if (ended.released_by.empty())
            return {{Severity::info, "the hold has run out"}};
        return {{Severity::info, fmt::format("the hold was released by {}", ended.released_by)}};
    }

    std::vector<Line> operator()(const WindowOpened& /*opened*/) const
    {
        return {{Severity::info, "a change window is open: nothing is written"}};
    }

    std::vector<Line> operator()(const WindowClosed& /*closed*/) const
    {
        return {{Severity::info, "the change window is closed"}};
    }

    std::vector<Line> operator()(const PolicyLoaded& loaded) const
    {
        if (loaded.accepted)
            return {{Severity::info, "the policy was read again"}};
        return {{Severity::error, fmt::format("{}; the old policy stays in force", loaded.what)}};
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

std::string writer_text(const GenerationHeard& generation)
{
    if (generation.culprit.comm.empty())
        return "somebody";
    return fmt::format("{} (pid {})", repair::printable(generation.culprit.comm), generation.culprit.pid);
}

std::vector<Line> lines_of(const Report& report)
{
    auto lines = std::visit(LinesOf{}, report);
    for (auto& line : lines)
        line.text = repair::printable(line.text);
    return lines;
}

}  // namespace chainkeeper::daemon
