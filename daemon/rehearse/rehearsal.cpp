// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/rehearse/rehearsal.hpp"

#include "daemon/event_loop.hpp"
#include "daemon/file_descriptor.hpp"
#include "daemon/rehearse/network_namespace.hpp"
#include "daemon/service.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>

namespace chainkeeper::daemon {

namespace {

using policies::Row;

// Far longer than a scenario takes: some 100 commands, the settling, kubelet's shortened deadline.
constexpr Duration scenario_deadline = std::chrono::seconds{60};
constexpr Duration command_deadline = std::chrono::seconds{10};

class MemorySink final : public ReportSink {
public:
    void report(const Report& report) override { reports_.push_back(report); }
    void clear() { reports_.clear(); }
    [[nodiscard]] const std::vector<Report>& reports() const { return reports_; }

private:
    std::vector<Report> reports_;
};

repair::Error failure(std::string what)
{
    return {repair::ErrorCode::failed, std::move(what)};
}

repair::Result<void> make_chains_as_kubelet(const std::vector<repair::DesiredState>& sets,
                                            const RehearsedIptables& iptables)
{
    for (const auto& desired : sets)
        for (const auto& plain : kubelet_commands(desired)) {
            const auto command = iptables.named(plain);
            const auto answer = repair::run_command(command, command_deadline);
            if (!answer)
                return tl::unexpected(answer.error());
            if (answer->exit_code != 0)
                return tl::unexpected(failure(
                    fmt::format("{} exited with {}: {}", fmt::join(command, " "), answer->exit_code, answer->output)));
        }
    return {};
}

// One scenario at play. Everything happens on its loop: the commands one after the other, and the daemon between them.
class Play {
public:
    Play(EventLoop& loop, const Scenario& scenario, const RehearsedIptables& iptables)
        : loop_{loop}, scenario_{scenario}, iptables_{iptables}
    {
    }

    repair::Result<Rehearsed> play(Keeper::Settings settings)
    {
        auto service = Service::start(loop_, sink_, std::move(settings));
        if (!service)
            return tl::unexpected(service.error());
        service_ = std::move(*service);
        service_->on_look([this] { after_look(); });
        auto deadline = loop_.add_timer([this] { give_up("the scenario did not come to an end in time"); });
        if (!deadline)
            return tl::unexpected(deadline.error());
        deadline->set(clock_.now() + scenario_deadline);
        const auto ended = loop_.run();
        if (!ended)
            return tl::unexpected(ended.error());
        rehearsed_.scenario = &scenario_;
        rehearsed_.reports = sink_.reports();
        return std::move(rehearsed_);
    }

private:
    // The daemon's first look at the untouched chains comes before the first command.
    void after_look()
    {
        if (!started_) {
            started_ = true;
            sink_.clear();
            rehearsed_.started = clock_.now();
            return start_next_command();
        }
        stop_when_at_rest();
    }

    void start_next_command()
    {
        if (next_command_ == scenario_.commands.size()) {
            commands_ended_ = true;
            rehearsed_.commands_ended = clock_.now();
            return stop_when_at_rest();
        }
        const auto& next = scenario_.commands[next_command_++];
        const auto child =
            repair::readable_text(next.input)
                .and_then([&](const FileDescriptor& text) {
                    return repair::start_command(iptables_.named(next.command), {.input = text.number()});
                })
                .and_then([&](pid_t started) {
                    return loop_.add_child(started, [this](int status) { after_command(status); });
                });
        if (!child)
            give_up(child.error().what);
    }

    void after_command(int status)
    {
        const auto& command = scenario_.commands[next_command_ - 1].command;
        if (const int code = repair::exit_code_of(status); code != 0)
            rehearsed_.failures.push_back(fmt::format("{} exited with {}", fmt::join(command, " "), code));
        start_next_command();
    }

    // Nothing is running, and the daemon waits for nothing but events, of which none is left to read.
    void stop_when_at_rest()
    {
        if (commands_ended_ && !service_->keeper().next_look())
            loop_.stop(EXIT_SUCCESS);
    }

    void give_up(const std::string& reason)
    {
        rehearsed_.failures.push_back(reason);
        loop_.stop(EXIT_FAILURE);
    }

    EventLoop& loop_;
    const Scenario& scenario_;
    RehearsedIptables iptables_;
    SystemClock clock_;
    MemorySink sink_;
    std::unique_ptr<Service> service_;
    Rehearsed rehearsed_{};
    std::size_t next_command_ = 0;
    bool started_ = false;
    bool commands_ended_ = false;
};

// The repairs of a family, each row once in a row: a burst that paused for longer than `settle` is repaired in parts.
std::vector<Row> repairs_of(const std::vector<Report>& reports, repair::Family family)
{
    std::vector<Row> rows;
    for (const auto& report : reports) {
        const auto* const decided = std::get_if<Decided>(&report);
        if (decided == nullptr || decided->diagnosis.family != family ||
            decided->decision.action != policies::Action::repair)
            continue;
        if (rows.empty() || rows.back() != decided->decision.row)
            rows.push_back(decided->decision.row);
    }
    return rows;
}

std::string names_of(const std::vector<Row>& rows)
{
    std::vector<std::string_view> names;
    names.reserve(rows.size());
    for (const auto row : rows)
        names.push_back(to_string(row));
    return fmt::format("{}", fmt::join(names, ", "));
}

void judge_decisions(Rehearsed& rehearsed, const std::vector<repair::DesiredState>& sets)
{
    for (const auto& desired : sets)
        if (const auto rows = repairs_of(rehearsed.reports, desired.family); rows != rehearsed.scenario->repairs)
            rehearsed.failures.push_back(fmt::format("{}: decided [{}] instead of [{}]", to_string(desired.family),
                                                     names_of(rows), names_of(rehearsed.scenario->repairs)));
}

void judge_reports(Rehearsed& rehearsed)
{
    for (const auto& report : rehearsed.reports) {
        if (const auto* const trouble = std::get_if<Trouble>(&report))
            rehearsed.failures.push_back(trouble->what);
        if (const auto* const verified = std::get_if<Verified>(&report); verified != nullptr && !verified->fulfilled)
            rehearsed.failures.push_back("a repair was accepted and is not there");
    }
}

void ask_iptables_for_all(Rehearsed& rehearsed, const std::vector<repair::DesiredState>& sets,
                          const RehearsedIptables& iptables)
{
    for (const auto& desired : sets)
        for (const auto& plain : check_commands(desired)) {
            const auto command = iptables.named(plain);
            const auto answer = repair::run_command(command, command_deadline);
            const int code = answer ? answer->exit_code : -1;
            rehearsed.verdicts.push_back({.command = command, .exit_code = code});
            if (code != 0)
                rehearsed.failures.push_back(fmt::format("{} exited with {}", fmt::join(command, " "), code));
        }
}

}  // namespace

repair::Result<Rehearsed> rehearse(const Scenario& scenario, const RehearsedIptables& iptables,
                                   const Keeper::Settings& settings)
{
    if (auto moved = enter_new_network_namespace(); !moved)
        return tl::unexpected(moved.error());
    if (auto made = make_chains_as_kubelet(settings.desired, iptables); !made)
        return tl::unexpected(made.error());
    auto loop = EventLoop::create();
    if (!loop)
        return tl::unexpected(loop.error());
    return Play{*loop, scenario, iptables}.play(settings).map([&](Rehearsed rehearsed) {
        judge_decisions(rehearsed, settings.desired);
        judge_reports(rehearsed);
        ask_iptables_for_all(rehearsed, settings.desired, iptables);
        return rehearsed;
    });
}

}  // namespace chainkeeper::daemon
