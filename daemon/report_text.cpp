// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/report_text.hpp"

#include "daemon/short_text.hpp"
#include "daemon/utc_time.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace chainkeeper::daemon {

namespace {

using policies::Action;
using policies::Decision;
using repair::Outcome;

Severity severity_of(const Decision& decision)
{
    // The node stays broken until somebody has settled it with the other party.
    if (decision.row == policies::Row::standoff)
        return Severity::error;
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

// In bytes. A kernel's chain, rule or program may be called anything.
constexpr std::size_t longest_line = 1024;
constexpr std::size_t longest_command_line = 256;
constexpr std::size_t longest_name = 256;  // of a unit or a program

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
    return fmt::format("flush by {}: {} lost in {} transaction(s) within {}", culprit_text(burst.culprit()),
                       to_string(burst.losses), burst.generation_count, duration_text(burst.last - burst.first));
}

// "against iptables.service until 2026-11-21T08:00:00.000000Z"
std::string standoff_text(const Decided& decided)
{
    const auto until = decided.standoff_until ? fmt::format(" until {}", utc_text(*decided.standoff_until)) : "";
    return fmt::format("against {}{}", decided.standoff_against.empty() ? "somebody" : decided.standoff_against, until);
}

// What the name of the unit rests on, where it is not the process itself.
std::string_view basis_text(Confidence confidence)
{
    switch (confidence) {
    case Confidence::job: return "the unit had a job at that time";
    case Confidence::burst: return "the unit wrote another transaction of the same burst";
    case Confidence::none:
    case Confidence::process: break;
    }
    return "";
}

// ": `iptables -F`"
std::string command_text(const Culprit& culprit)
{
    if (culprit.command_line.empty())
        return {};
    return fmt::format(": `{}`", short_text(culprit.command_line, longest_command_line));
}

struct LinesOf {
    std::vector<Line> operator()(const Heard& heard) const
    {
        const auto& [id, culprit, at, losses, touched] = heard.generation;
        const auto what =
            id == 0 ? std::string{"iptables-legacy's tables were written"} : fmt::format("generation {}", id);
        return {{Severity::debug, fmt::format("{} by {}: {} lost", what, writer_text(culprit), to_string(losses))}};
    }

    std::vector<Line> operator()(const Settled& settled) const
    {
        const auto& burst = settled.burst;
        std::vector<Line> lines;
        if (burst.losses.any() || burst.gaps.empty())
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
            return {{Severity::info,
                     fmt::format("{}: {} step(s){}{}", family, committed.plan.steps.size(),
                                 outcome.generation == 0 ? "" : fmt::format(" as generation {}", outcome.generation),
                                 again)}};
        case Outcome::Kind::recorded: return {{Severity::info, fmt::format("{}: {}{}", family, outcome.detail, again)}};
        case Outcome::Kind::stale:
        case Outcome::Kind::lock_timeout:
        case Outcome::Kind::denied:
        case Outcome::Kind::failed: break;
        }
        return {{Severity::error, fmt::format("{}: {}: {}{}", family, to_string(outcome.kind), outcome.detail, again)}};
    }

    std::vector<Line> operator()(const Verified& verified) const
    {
        const auto family = verified.after.family;
        if (verified.fulfilled && verified.nudged)
            return {{Severity::info,
                     fmt::format("{}: kubelet's canary is gone: kubelet is to rebuild its chains", to_string(family))}};
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
        return {{Severity::warning, fmt::format("{} by {} until {}: {}", set.hold.stop ? "stopped" : "held",
                                                set.hold.login, utc_text(set.hold.until), set.hold.reason)}};
    }

    std::vector<Line> operator()(const HoldEnded& ended) const
    {
        if (ended.released_by.empty())
            return {{Severity::info, "the hold has run out"}};
        return {{Severity::info, fmt::format("the hold was released by {}", ended.released_by)}};
    }

    std::vector<Line> operator()(const WindowOpened& opened) const
    {
        return {{Severity::info,
                 fmt::format("a change window is open until {}: nothing is written", utc_text(opened.until))}};
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
        if (decided.decision.row == policies::Row::standoff)
            return fmt::format("{}: {} ({}; {} finding(s) stay)", family, decision, standoff_text(decided),
                               decided.diagnosis.findings.size());
        return fmt::format("{}: {} ({} finding(s); kubelet's Monitor is {}, by {})", family, decision,
                           decided.diagnosis.findings.size(), to_string(decided.monitor), to_string(decided.source));
    }
};

}  // namespace

std::string writer_text(const Culprit& culprit)
{
    if (culprit.comm.empty())
        return "somebody";
    return fmt::format("{} (pid {})", short_text(culprit.comm, longest_name), culprit.pid);
}

std::string culprit_text(const Culprit& culprit)
{
    const auto comm = short_text(culprit.comm, longest_name);
    if (culprit.unit.empty())
        return comm.empty() ? "somebody" : fmt::format("{} (pid {}{})", comm, culprit.pid, command_text(culprit));
    std::vector<std::string> details;
    if (!comm.empty())
        details.push_back(fmt::format("{}, pid {}{}", comm, culprit.pid, command_text(culprit)));
    if (const auto basis = basis_text(culprit.confidence); !basis.empty())
        details.emplace_back(basis);
    const auto unit = short_text(culprit.unit, longest_name);
    return details.empty() ? unit : fmt::format("{} ({})", unit, fmt::join(details, "; "));
}

std::vector<Line> lines_of(const Report& report)
{
    auto lines = std::visit(LinesOf{}, report);
    for (auto& line : lines)
        line.text = short_text(line.text, longest_line);
    return lines;
}

}  // namespace chainkeeper::daemon
