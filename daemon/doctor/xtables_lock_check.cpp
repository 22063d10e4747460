// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/xtables_lock_check.hpp"

#include "daemon/doctor/lock_holder.hpp"
#include "daemon/doctor/short_list.hpp"
#include "policies/duration.hpp"
#include "repair/legacy/lock.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace chainkeeper::daemon::doctor {

namespace {

using repair::legacy::LockedFile;
using std::filesystem::path;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds between_looks{20};

// One look at the lock.
struct LockSeen {
    std::optional<pid_t> holder;  // nothing where it is free
    std::vector<pid_t> waiters;
};

tl::expected<LockSeen, std::string> look(const Root& root, const LockedFile& file)
{
    const auto locks = root.text("/proc/locks");
    if (!locks)
        return tl::unexpected(locks.error());
    if (!*locks)
        return tl::unexpected(std::string{"/proc/locks: is not there"});
    LockSeen seen;
    for (const auto& user : repair::legacy::lock_users_in(**locks, file))
        if (user.waits)
            seen.waiters.push_back(user.pid);
        else
            seen.holder = user.pid;
    return seen;
}

// The last look: of when it was not the first's holder any more, or of the end.
tl::expected<LockSeen, std::string> watch(const Root& root, const LockedFile& file, const LockSeen& first,
                                          std::chrono::milliseconds length)
{
    const auto end = Clock::now() + length;
    auto seen = tl::expected<LockSeen, std::string>{first};
    while (seen && seen->holder == first.holder && Clock::now() < end) {
        std::this_thread::sleep_for(between_looks);
        seen = look(root, file);
    }
    return seen;
}

// Of a process of another PID namespace nothing is seen.
bool sees_all_processes()
{
    constexpr std::string_view initial = "pid:[4026531836]";  // PROC_PID_INIT_INO in linux/proc_ns.h
    std::error_code error;
    return std::filesystem::read_symlink("/proc/self/ns/pid", error) == path{initial} && !error;
}

void judge_free(Judgement& judgement, const path& file)
{
    if (sees_all_processes())
        return judgement.add(Verdict::ok, fmt::format("nobody holds {}", file.string()));
    judgement.add(
        Verdict::unknown,
        fmt::format("nobody who is seen here holds {}; others are not seen from this PID namespace", file.string()),
        "Run it in the PID namespace of the node (hostPID)");
}

std::string waiters_text(const std::vector<pid_t>& waiters)
{
    std::vector<std::string> texts;
    texts.reserve(waiters.size());
    for (const auto waiter : waiters)
        texts.push_back(process_text(waiter));
    return fmt::format("{} wait for it: {}", waiters.size(), short_list(texts));
}

Verdict verdict_of(const LockHolder& holder, bool has_waiters, policies::Duration limit)
{
    const bool is_long = !holder.age || *holder.age > limit;
    if (has_waiters && holder.age && *holder.age > limit * lock_held_critical)
        return Verdict::critical;
    return is_long || has_waiters ? Verdict::warning : Verdict::ok;
}

std::string step_of(const LockHolder& holder, pid_t pid)
{
    const auto where =
        holder.unit.empty() ? fmt::format("/proc/{}/stack", pid) : fmt::format("`systemctl status {}`", holder.unit);
    return fmt::format("See in {} what it waits for, and end it if it hangs: iptables of kubelet and kube-proxy fails "
                       "meanwhile (\"Another app is currently holding the xtables lock\")",
                       where);
}

struct Held {
    LockSeen seen;
    LockHolder holder;
    std::chrono::milliseconds watched;
};

void judge_held(Judgement& judgement, const path& file, const Held& held, policies::Duration limit)
{
    const auto& [seen, holder, watched] = held;
    const auto bound = holder.age ? fmt::format("at most {}", policies::to_string(policies::Duration{*holder.age}))
                                  : std::string{"how long is not known"};
    const auto verdict = verdict_of(holder, !seen.waiters.empty(), limit);
    judgement.add(verdict,
                  fmt::format("{} is held by {}: for {} at least, {}", file.string(), holder.text,
                              policies::to_string(policies::Duration{watched}), bound),
                  verdict == Verdict::ok ? std::string{} : step_of(holder, *seen.holder));
    if (!seen.waiters.empty())
        judgement.add(verdict, waiters_text(seen.waiters));
}

struct LockFile {
    path name;
    LockedFile file;
};

// How old a process is says only how long it can have had the lock at most: so it is watched.
void judge_use(Judgement& judgement, const Node& node, const LockFile& lock, const LockSeen& first)
{
    const auto limit = node.thresholds.lock_held;
    auto watched = lock_watch;
    auto last = watch(node.root, lock.file, first, lock_watch);
    auto holder = LockHolder{};
    if (last && last->holder == first.holder) {
        holder = lock_holder(*last->holder, lock.name, last->waiters);
        if (verdict_of(holder, !last->waiters.empty(), limit) != Verdict::ok) {
            watched = long_lock_watch;
            last = watch(node.root, lock.file, first, long_lock_watch - lock_watch);
        }
    }
    if (!last)
        return judgement.add_unknown(last.error());
    if (last->holder == first.holder)
        return judge_held(judgement, lock.name, {.seen = *last, .holder = holder, .watched = watched}, limit);
    judgement.add(Verdict::ok,
                  fmt::format("{} was held by {}, and no longer than {}", lock.name.string(),
                              process_text(*first.holder), policies::to_string(policies::Duration{watched})));
}

}  // namespace

Judgement XtablesLockCheck::examine(const Node& node) const
{
    if (node.is_image())
        return {.verdict = Verdict::not_applicable, .evidence = {"nothing runs in an image"}, .next_step = {}};
    Judgement judgement;
    const auto file = repair::legacy::xtables_lock_file();
    const auto identity = repair::legacy::identity_of(file);
    if (!identity) {
        judgement.add(Verdict::ok, fmt::format("{} is not there: nobody has used it", file.string()));
        return judgement;
    }
    const auto first = look(node.root, *identity);
    if (!first)
        judgement.add_unknown(first.error());
    else if (!first->holder)
        judge_free(judgement, file);
    else
        judge_use(judgement, node, {.name = file, .file = *identity}, *first);
    return judgement;
}

}  // namespace chainkeeper::daemon::doctor
