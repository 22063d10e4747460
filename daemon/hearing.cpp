// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/hearing.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace chainkeeper::daemon {

namespace {

bool is_mangle_canary(const repair::nft::Change& change)
{
    using Kind = repair::nft::Change::Kind;
    const bool is_chain =
        change.kind == Kind::chain_added || change.kind == Kind::chain_changed || change.kind == Kind::chain_deleted;
    return is_chain && change.table == to_string(repair::Table::mangle) && change.chain == repair::kubelet_canary;
}

}  // namespace

void Hearing::hear(const repair::nft::Change& change, const GuardedNames& names)
{
    using Kind = repair::nft::Change::Kind;
    if (names.touched_by(change))
        transaction_.touched.insert(change.family);
    if (is_mangle_canary(change))
        transaction_.canaries[change.family] = change.kind != Kind::chain_deleted;
    if (!names.is_loss(change))
        return;
    if (names.touched_by(change))
        transaction_.lost.insert(change.family);
    transaction_.losses += {.tables = change.kind == Kind::table_deleted ? 1U : 0U,
                            .chains = change.kind == Kind::chain_deleted ? 1U : 0U,
                            .rules = change.kind == Kind::rule_deleted ? 1U : 0U};
}

std::optional<Hearing::Transaction> Hearing::hear(const repair::nft::Generation& generation)
{
    auto transaction = std::exchange(transaction_, {});
    const bool is_ours = take_ours(generation);
    const bool belongs = !is_ours && (!transaction.touched.empty() || burst_);
    // First of all: the writer is about to end, and with it what /proc says of it.
    auto culprit = belongs ? read_culprit(proc_, generation.pid, generation.comm) : Culprit{};
    notice_missed_generation(generation.id);
    if (is_ours || (transaction.touched.empty() && !burst_))
        return std::nullopt;
    transaction.at = clock_.now();
    const GenerationHeard heard{.id = generation.id,
                                .culprit = std::move(culprit),
                                .at = transaction.at,
                                .losses = transaction.losses,
                                .touched_guarded = !transaction.touched.empty()};
    const bool is_first = !burst_;
    auto& burst = open_burst();
    if (is_first)
        sink_.report(Heard{.at = heard.at, .generation = heard});
    burst.add(heard);
    return transaction;
}

void Hearing::hear(const LegacyWrite& write, const Losses& losses)
{
    const GenerationHeard heard{
        .id = 0, .culprit = write.culprit, .at = write.at, .losses = losses, .touched_guarded = true};
    const bool is_first = !burst_;
    auto& burst = open_burst();
    if (is_first)
        sink_.report(Heard{.at = heard.at, .generation = heard});
    burst.add(heard);
    burst.name_writer(write.culprit);
}

// Whether we, or a program at our behest, wrote it. What must have come before it is forgotten.
bool Hearing::take_ours(const repair::nft::Generation& generation)
{
    const bool is_ours = std::ranges::any_of(ours_, [&](const repair::OwnTransaction& own) {
        const bool is_among = own.first <= generation.id && generation.id <= own.last;
        return is_among && (own.pid == 0 || own.pid == generation.pid);
    });
    std::erase_if(ours_, [&](const repair::OwnTransaction& own) { return own.last <= generation.id; });
    return is_ours;
}

// Every transaction has the number after the one before it, so a number left out is a transaction not heard.
void Hearing::notice_missed_generation(std::uint32_t id)
{
    const auto last = std::exchange(last_generation_, id);
    if (last && repair::generation_after(*last) != id)
        hear_gap(fmt::format("generations {} to {} were not heard", repair::generation_after(*last), id - 1));
}

void Hearing::hear_gap(const std::string& reason)
{
    transaction_ = {};
    gap_ = true;
    auto& burst = open_burst();
    burst.last = clock_.now();
    burst.add_gap(reason);
}

void Hearing::hear_job(const std::string& unit)
{
    job_unit_ = unit;
    if (burst_ && !unit.empty())
        burst_->job_unit = unit;
}

Burst& Hearing::open_burst()
{
    if (!burst_) {
        burst_.emplace();
        burst_->first = burst_->last = clock_.now();
        burst_->job_unit = job_unit_;
    }
    return *burst_;
}

}  // namespace chainkeeper::daemon
