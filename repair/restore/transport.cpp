// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/restore/transport.hpp"

#include "repair/restore/answer.hpp"
#include "repair/restore_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <optional>
#include <utility>

namespace chainkeeper::repair {

namespace {

using Clock = std::chrono::steady_clock;

// The file that a program of legacy locks in place of the one that we hold: its own standard input, which is in memory
// and nobody else's.
const Environment own_lock_file{{"XTABLES_LOCKFILE", "/proc/self/fd/0"}};

Outcome refused(const Error& error)
{
    const auto kind = error.code == ErrorCode::denied ? Outcome::Kind::denied : Outcome::Kind::failed;
    return {.kind = kind, .detail = error.what};
}

Outcome failed(std::string detail)
{
    return {.kind = Outcome::Kind::failed, .detail = std::move(detail)};
}

Outcome stale(std::uint32_t generation)
{
    return {.kind = Outcome::Kind::stale,
            .detail = fmt::format("the ruleset has moved on from generation {}", generation)};
}

// One commit: a program for each table, and a look after it.
class Restoration {
public:
    struct Parts {
        Backend& observed;
        const DesiredState& desired;
        IptablesVariant variant;
        std::string program;
        Clock::time_point end;
    };
    explicit Restoration(Parts parts) : parts_{std::move(parts)} {}

    Outcome carry_out(const Plan& plan) &&
    {
        const auto generation = look();
        if (!generation)
            return refused(generation.error());
        generation_ = *generation;
        if (generation_ != plan.generation)
            return stale(plan.generation);
        for (const auto table : mangle_last) {
            const auto text = restore_text(part_of(plan, table));
            if (text.empty())
                continue;
            auto refusal = is_disturbed_ ? stale(plan.generation) : write(table, text);
            if (refusal)
                return broken_off(*std::move(refusal));
        }
        return {.kind = Outcome::Kind::committed,
                .generation = generation_,
                .detail = {},
                .transactions = std::move(transactions_)};
    }

private:
    [[nodiscard]] bool is_nft() const { return parts_.variant == IptablesVariant::nft; }

    Result<std::uint32_t> look()
    {
        return parts_.observed.observe(parts_.desired).map([](const Snapshot& snapshot) {
            return snapshot.generation;
        });
    }

    // Why the table is not written, or why nothing may be written after it.
    std::optional<Outcome> write(Table table, const std::string& text)
    {
        const auto left = parts_.end - Clock::now();
        if (left <= Clock::duration::zero())
            return failed("there was no time left");
        const auto answer = attempt_command({parts_.program, "--noflush"}, left,
                                            {.input = text, .environment = is_nft() ? Environment{} : own_lock_file});
        if (!answer)
            return refused(answer.error());
        const auto after = look();
        const auto before = std::exchange(generation_, after.value_or(generation_after(generation_)));
        if (may_have_written(*answer, before))
            transactions_.push_back(transaction_of(*answer, before, table));
        if (!answer->ended || answer->exit_code != 0)
            return refusal_of(parts_.program, *answer);
        if (is_nft() && generation_ == before)
            return failed(fmt::format("{} ended with 0 and wrote nothing", parts_.program));
        written_.push_back(to_string(table));
        if (!after)
            return refused(after.error());
        is_disturbed_ = is_nft() && generation_ != generation_after(before);
        return std::nullopt;
    }

    // One that was killed may have come as far as its commit. The generation of legacy is not a count.
    [[nodiscard]] bool may_have_written(const CommandAnswer& answer, std::uint32_t before) const
    {
        const bool is_possible = !answer.ended || answer.exit_code == 0;
        return is_possible && (!is_nft() || generation_ != before);
    }

    // One generation more, and it is ours; two, and another one is somebody else's.
    [[nodiscard]] OwnTransaction transaction_of(const CommandAnswer& answer, std::uint32_t before, Table table) const
    {
        if (!is_nft())
            return {.table = table};
        const auto first = generation_after(before);
        const bool is_certain = answer.ended && generation_ == first;
        return {.first = first,
                .last = generation_,
                .pid = is_certain ? 0 : static_cast<std::uint32_t>(answer.pid),
                .table = table};
    }

    Outcome broken_off(Outcome refusal)
    {
        if (!written_.empty())
            refusal.detail += fmt::format("; written before that: {}", fmt::join(written_, ", "));
        refusal.transactions = std::move(transactions_);
        return refusal;
    }

    Parts parts_;
    std::uint32_t generation_ = 0;  // at the last look
    bool is_disturbed_ = false;     // somebody else has written since the plan was made
    std::vector<OwnTransaction> transactions_;
    std::vector<std::string_view> written_;  // tables
};

}  // namespace

Result<Snapshot> RestoreTransport::observe(const DesiredState& desired)
{
    desired_.insert_or_assign(desired.family, desired);
    return observed_.observe(desired);
}

Outcome RestoreTransport::commit(const Plan& plan)
{
    if (plan.empty())
        return {.kind = Outcome::Kind::committed, .generation = plan.generation, .detail = {}};
    const auto desired = desired_.find(plan.family);
    if (desired == desired_.end())
        return stale(plan.generation);
    const auto end = Clock::now() + settings_.deadline;
    const auto program = restore_program(settings_.programs, plan.family, settings_.variant);
    if (!program)
        return refused(program.error());
    std::optional<legacy::XtablesLock::Hold> hold;
    if (settings_.variant == IptablesVariant::legacy) {
        auto taken = lock_.try_lock();
        if (!taken)
            return refused(taken.error());
        if (!*taken)
            return legacy::locked_out(lock_);
        hold.emplace(**std::move(taken));
    }
    return Restoration{{.observed = observed_,
                        .desired = desired->second,
                        .variant = settings_.variant,
                        .program = *program,
                        .end = end}}
        .carry_out(plan);
}

}  // namespace chainkeeper::repair
