// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/examination.hpp"

#include "daemon/file_descriptor.hpp"
#include "daemon/json_read.hpp"
#include "daemon/replacement_file.hpp"
#include "policies/duration.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace chainkeeper::daemon::doctor {

namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

// What a check says is short.
constexpr std::size_t largest_answer = std::size_t{1} << 20U;

// ---- in the child: a line for each check, in their order

std::string answer_of(const Judgement& judgement)
{
    auto figures = json::array();
    for (const auto& [metric, labels, value] : judgement.figures)
        figures.push_back({{"metric", metric}, {"labels", labels}, {"value", value}});
    const json answer{{"verdict", judgement.verdict},
                      {"evidence", judgement.evidence},
                      {"next", judgement.next_step},
                      {"figures", std::move(figures)}};
    return answer.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
}

[[noreturn]] void run_checks(const Node& node, const std::vector<std::size_t>& members,
                             std::span<const Check* const> checks, int descriptor)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    bool told = true;
    for (const auto member : members)
        told = told && write_all(descriptor, answer_of(checks[member]->examine(node)));
    // Nothing of the parent's is to be flushed or undone.
    _exit(told ? 0 : 1);
}

// ---- in the parent

std::optional<Judgement> judgement_in(std::string_view line)
{
    const auto answer = json::parse(line, nullptr, false);
    const auto verdict = count_member(answer, "verdict");
    if (answer.is_discarded() || verdict > static_cast<std::uint64_t>(Verdict::not_applicable))
        return std::nullopt;
    Judgement judgement{
        .verdict = static_cast<Verdict>(verdict), .evidence = {}, .next_step = text_member(answer, "next")};
    for (const auto& sentence : array_member(answer, "evidence"))
        judgement.evidence.push_back(sentence.get<std::string>());
    for (const auto& figure : array_member(answer, "figures"))
        judgement.figures.push_back({.metric = text_member(figure, "metric"),
                                     .labels = figure.at("labels").get<std::map<std::string, std::string>>(),
                                     .value = count_member(figure, "value")});
    return judgement;
}

// Checks that share a process.
class Group {
public:
    void add(std::size_t member, std::chrono::milliseconds deadline)
    {
        members_.push_back(member);
        deadline_ = std::max(deadline_, deadline);
    }

    void start(const Node& node, std::span<const Check* const> checks)
    {
        std::array<int, 2> ends{};
        started_ = Clock::now();
        if (pipe2(ends.data(), O_CLOEXEC) != 0)
            return fail("no pipe");
        FileDescriptor output{ends[1]};
        input_ = FileDescriptor{ends[0]};
        pid_ = fork();
        if (pid_ == 0)
            run_checks(node, members_, checks, output.number());
        if (pid_ < 0)
            fail("no process");
    }

    [[nodiscard]] bool is_over() const { return !input_; }
    [[nodiscard]] int descriptor() const { return input_.number(); }
    [[nodiscard]] Clock::time_point deadline() const { return started_ + deadline_; }

    // There is something to be read, or nothing more to come.
    void read_some()
    {
        std::array<char, 65536> part{};
        const auto size = read(input_.number(), part.data(), part.size());
        if (size < 0 && errno == EINTR)
            return;
        if (size > 0 && text_.size() < largest_answer)
            text_.append(part.data(), static_cast<std::size_t>(size));
        else
            finish();
    }

    void end_at_deadline()
    {
        kill(pid_, SIGKILL);
        trouble_ = fmt::format("it had no answer after {}", policies::to_string(deadline_));
        // What hangs in the kernel ends when it comes out of it, which nobody waits for here.
        waitpid(pid_, nullptr, has_closed() ? 0 : WNOHANG);
        input_.reset();
    }

    // Those that did not answer are unknown.
    void put_into(std::vector<Examined>& examined) const
    {
        std::string_view rest{text_};
        for (const auto member : members_) {
            const auto end = rest.find('\n');
            const auto judgement = end == std::string_view::npos ? std::nullopt : judgement_in(rest.substr(0, end));
            rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
            auto& [check, result] = examined.at(member);
            result = judgement.value_or(Judgement{
                .verdict = Verdict::unknown,
                .evidence = {trouble_},
                .next_step = fmt::format("`chainkeeper doctor --check {}` runs it alone; where it fails again, see "
                                         "`dmesg` and what hangs on this node",
                                         check->name())});
        }
    }

private:
    // Its end of the pipe, as it does when it is killed.
    [[nodiscard]] bool has_closed() const
    {
        constexpr int patience = 100;  // milliseconds
        pollfd waiting{.fd = input_.number(), .events = 0, .revents = 0};
        return poll(&waiting, 1, patience) > 0;
    }

    void fail(std::string_view what)
    {
        trouble_ = fmt::format("it cannot be run: {}: {}", what, std::generic_category().message(errno));
        input_.reset();
    }

    void finish()
    {
        int status = 0;
        // Only now has it closed its end, or it is being ended for what it says.
        kill(pid_, SIGKILL);
        waitpid(pid_, &status, 0);
        input_.reset();
        trouble_ =
            WIFSIGNALED(status) ? fmt::format("it was ended by signal {}", WTERMSIG(status)) : "it gave no answer";
    }

    std::vector<std::size_t> members_;
    std::chrono::milliseconds deadline_{0};
    Clock::time_point started_;
    pid_t pid_ = -1;
    FileDescriptor input_;
    std::string text_;
    std::string trouble_;
};

std::vector<Group> groups_of(std::span<const Check* const> checks)
{
    std::vector<Group> groups;
    Group readers_of_rulesets;
    bool reads = false;
    for (const bool may_hang : {false, true})
        for (std::size_t index = 0; index < checks.size(); ++index) {
            const auto& check = *checks[index];
            if (check.may_hang() != may_hang)
                continue;
            auto& group = check.reads_rulesets() ? readers_of_rulesets : groups.emplace_back();
            reads = reads || check.reads_rulesets();
            group.add(index, check.deadline());
        }
    if (reads)
        groups.insert(groups.begin(), std::move(readers_of_rulesets));
    return groups;
}

// Until all are over. Each has its own deadline.
void follow(std::vector<Group>& groups)
{
    for (;;) {
        std::vector<pollfd> waiting;
        std::vector<Group*> waiting_groups;
        auto next = Clock::time_point::max();
        for (auto& group : groups) {
            if (!group.is_over() && group.deadline() <= Clock::now())
                group.end_at_deadline();
            if (group.is_over())
                continue;
            waiting.push_back({.fd = group.descriptor(), .events = POLLIN, .revents = 0});
            waiting_groups.push_back(&group);
            next = std::min(next, group.deadline());
        }
        if (waiting.empty())
            return;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
        if (poll(waiting.data(), waiting.size(), static_cast<int>(std::max<std::int64_t>(left.count(), 0))) <= 0)
            continue;
        for (std::size_t index = 0; index < waiting.size(); ++index)
            if (waiting[index].revents != 0)
                waiting_groups[index]->read_some();
    }
}

Verdict verdict_of(const Examined& examined)
{
    return examined.judgement.verdict;
}

}  // namespace

std::vector<Examined> examine(const Node& node, std::span<const Check* const> checks)
{
    std::vector<Examined> examined;
    for (const auto* const check : checks)
        examined.push_back({.check = check, .judgement = {}});
    auto groups = groups_of(checks);
    for (auto& group : groups)
        group.start(node, checks);
    follow(groups);
    for (const auto& group : groups)
        group.put_into(examined);
    return examined;
}

void put_worst_first(std::vector<Examined>& examined)
{
    std::ranges::stable_sort(examined, {}, verdict_of);
}

Verdict worst_of(const std::vector<Examined>& examined)
{
    const auto worst = std::ranges::min_element(examined, {}, verdict_of);
    return worst == examined.end() ? Verdict::not_applicable : verdict_of(*worst);
}

}  // namespace chainkeeper::daemon::doctor
