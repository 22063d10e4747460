// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/journal_entry.hpp"

#include "daemon/short_text.hpp"
#include "daemon/utc_time.hpp"
#include "repair/printable.hpp"
#include "repair/restore_text.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace chainkeeper::daemon {

namespace {

constexpr std::size_t longest_value = 1024;                   // in bytes
constexpr std::size_t longest_plan = std::size_t{16} * 1024;  // more than three times that of a whole guarded set

// syslog(3): LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERR.
int priority_of(Severity severity)
{
    switch (severity) {
    case Severity::debug: return 7;
    case Severity::info: return 6;
    case Severity::warning: return 4;
    case Severity::error: return 3;
    }
    return 3;
}

class Fields {
public:
    void add(std::string_view name, std::string_view value)
    {
        fields_.push_back({.name = name, .value = short_text(value, longest_value)});
    }
    void add(std::string_view name, std::size_t count) { add(name, fmt::to_string(count)); }
    void add_known(std::string_view name, std::string_view value)
    {
        if (!value.empty())
            add(name, value);
    }
    void add_plan(const repair::Plan& plan);
    void add_findings(const repair::Diagnosis& diagnosis);
    void add_culprit(const Culprit& culprit);
    void add_hold(const Hold& hold);

    std::vector<Field> take() { return std::move(fields_); }

private:
    std::vector<Field> fields_;
};

// `iptables-restore --noflush` takes it as it is; of one that is too long no half is given.
void Fields::add_plan(const repair::Plan& plan)
{
    add("CHAINKEEPER_STEPS", plan.steps.size());
    const auto text = restore_text(plan);
    if (text.empty() || text.size() > longest_plan)
        return;
    std::string value;
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
        value.append(repair::printable(std::string_view{text}.substr(at, text.find('\n', at) - at))).append("\n");
    fields_.push_back({.name = "CHAINKEEPER_PLAN", .value = std::move(value)});
}

void Fields::add_findings(const repair::Diagnosis& diagnosis)
{
    add("CHAINKEEPER_FAMILY", to_string(diagnosis.family));
    add("CHAINKEEPER_FINDINGS", diagnosis.findings.size());
    for (std::size_t index = 0; index < std::min(diagnosis.findings.size(), most_findings); ++index)
        add("CHAINKEEPER_FINDING", describe(diagnosis.family, diagnosis.findings[index]));
}

void Fields::add_culprit(const Culprit& culprit)
{
    add("CHAINKEEPER_CULPRIT", culprit_text(culprit));
    add("CHAINKEEPER_CULPRIT_CONFIDENCE", to_string(culprit.confidence));
    add_known("CHAINKEEPER_CULPRIT_UNIT", culprit.unit);
    add_known("CHAINKEEPER_CULPRIT_COMM", culprit.comm);
    add_known("CHAINKEEPER_CULPRIT_COMMAND_LINE", culprit.command_line);
    if (culprit.pid != 0)
        add("CHAINKEEPER_CULPRIT_PID", culprit.pid);
    for (const auto& ancestor : culprit.ancestors)
        add("CHAINKEEPER_CULPRIT_ANCESTOR", ancestor);
}

void Fields::add_hold(const Hold& hold)
{
    add("CHAINKEEPER_HOLD_BY", hold.login);
    add("CHAINKEEPER_HOLD_UNTIL", utc_text(hold.until));
    add("CHAINKEEPER_HOLD_REASON", hold.reason);
    add("CHAINKEEPER_HOLD_STOP", hold.stop ? "yes" : "no");
}

struct AddFields {
    Fields& fields;

    void add_losses(const Losses& losses) const
    {
        fields.add("CHAINKEEPER_LOST_TABLES", losses.tables);
        fields.add("CHAINKEEPER_LOST_CHAINS", losses.chains);
        fields.add("CHAINKEEPER_LOST_RULES", losses.rules);
        fields.add("CHAINKEEPER_LOST_ENTRIES", losses.entries);
    }

    void operator()(const Heard& heard) const
    {
        fields.add_culprit(heard.generation.culprit);
        fields.add("CHAINKEEPER_GENERATION", heard.generation.id);
        add_losses(heard.generation.losses);
    }

    void operator()(const Settled& settled) const
    {
        const auto& burst = settled.burst;
        fields.add_culprit(burst.culprit());
        if (burst.worst)
            fields.add("CHAINKEEPER_GENERATION", burst.worst->id);
        add_losses(burst.losses);
        fields.add("CHAINKEEPER_TRANSACTIONS", burst.generation_count);
        for (const auto& gap : burst.gaps)
            fields.add("CHAINKEEPER_GAP", gap);
    }

    void operator()(const Decided& decided) const
    {
        fields.add("CHAINKEEPER_DECISION", to_string(decided.decision));
        fields.add("CHAINKEEPER_ACTION", to_string(decided.decision.action));
        fields.add("CHAINKEEPER_MONITOR", to_string(decided.monitor));
        fields.add("CHAINKEEPER_MONITOR_SOURCE", to_string(decided.source));
        fields.add("CHAINKEEPER_BACKEND", decided.backend.empty() ? "nothing is known" : decided.backend);
        fields.add("CHAINKEEPER_GENERATION", decided.diagnosis.generation);
        fields.add_findings(decided.diagnosis);
        fields.add_plan(decided.plan);
        if (decided.decision.row == policies::Row::standoff)
            fields.add("CHAINKEEPER_STANDOFF_AGAINST",
                       decided.standoff_against.empty() ? "somebody" : decided.standoff_against);
        if (decided.standoff_until)
            fields.add("CHAINKEEPER_STANDOFF_UNTIL", utc_text(*decided.standoff_until));
    }

    // The plan is with the decision.
    void operator()(const Committed& committed) const
    {
        const auto& outcome = committed.outcome;
        fields.add("CHAINKEEPER_FAMILY", to_string(committed.plan.family));
        fields.add("CHAINKEEPER_OUTCOME", to_string(outcome.kind));
        fields.add("CHAINKEEPER_STEPS", committed.plan.steps.size());
        fields.add("CHAINKEEPER_STALE_COMMITS", committed.stale_commits);
        if (outcome.kind == repair::Outcome::Kind::committed)
            fields.add("CHAINKEEPER_GENERATION", outcome.generation);
        else
            fields.add("CHAINKEEPER_REASON", outcome.detail);
    }

    void operator()(const Verified& verified) const { fields.add_findings(verified.after); }

    void operator()(const KubeletNews& news) const
    {
        if (news.family)
            fields.add("CHAINKEEPER_FAMILY", to_string(*news.family));
    }

    void operator()(const HoldSet& set) const { fields.add_hold(set.hold); }

    void operator()(const HoldEnded& ended) const
    {
        fields.add_hold(ended.hold);
        fields.add_known("CHAINKEEPER_HOLD_RELEASED_BY", ended.released_by);
    }

    void operator()(const WindowOpened& opened) const
    {
        fields.add("CHAINKEEPER_WINDOW_UNTIL", utc_text(opened.until));
    }
    void operator()(const WindowClosed& /*closed*/) const {}

    void operator()(const PolicyLoaded& loaded) const
    {
        if (!loaded.accepted)
            fields.add("CHAINKEEPER_REASON", loaded.what);
    }

    void operator()(const Trouble& trouble) const { fields.add("CHAINKEEPER_REASON", trouble.what); }
    void operator()(const Notice& /*notice*/) const {}
};

std::string message_text(const std::vector<Line>& lines)
{
    std::string text;
    for (const auto& line : lines)
        text.append(text.empty() ? "" : "\n").append(line.text);
    return text;
}

}  // namespace

Entry entry_of(const Report& report)
{
    Fields fields;
    std::visit(AddFields{fields}, report);
    return {.message = message_of(report), .lines = lines_of(report), .fields = fields.take()};
}

std::vector<std::string> journal_fields(const Entry& entry)
{
    std::vector<std::string> fields{fmt::format("MESSAGE={}", message_text(entry.lines)),
                                    fmt::format("MESSAGE_ID={}", message_id(entry.message)),
                                    fmt::format("PRIORITY={}", priority_of(entry.severity())),
                                    fmt::format("CHAINKEEPER_EVENT={}", to_string(entry.message))};
    fields.reserve(fields.size() + entry.fields.size());
    for (const auto& [name, value] : entry.fields)
        fields.push_back(fmt::format("{}={}", name, value));
    return fields;
}

}  // namespace chainkeeper::daemon
