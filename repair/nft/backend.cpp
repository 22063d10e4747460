// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/nft/backend.hpp"

#include "repair/nft/batch.hpp"
#include "repair/nft/look.hpp"

#include <cerrno>
#include <chrono>
#include <fmt/format.h>
#include <system_error>

namespace chainkeeper::repair::nft {

namespace {

// A look takes some 100 µs, and the quickest of iptables commands commits every millisecond: two or three looks are the
// rule. A writer that spoils them for this long is reported, and the caller's loop gets to see to the rest of its work.
constexpr std::chrono::milliseconds looking_deadline{50};

// What the kernel said of the batch.
struct Answers {
    bool acknowledged = false;
    int error_number = 0;
    std::uint32_t refused_sequence = 0;
    std::string explanation;
};

void keep_first_refusal(Answers& answers, const Message& message, const Acknowledgement& answer)
{
    if (answers.error_number != 0)
        return;
    answers.error_number = answer.error_number;
    answers.refused_sequence = message.sequence;
    if (!answer.explanation.empty())
        answers.explanation = fmt::format(": {}", answer.explanation);
    if (answer.bad_offset)
        answers.explanation += fmt::format(" (it refuses the attribute at byte {})", *answer.bad_offset);
}

Result<Answers> read_answers(Socket& socket, const Batch& batch)
{
    Answers answers;
    for (;;) {
        auto datagram = socket.receive();
        if (!datagram)
            return tl::unexpected(datagram.error());
        if (datagram->empty())
            return answers;
        while (const auto message = take_message(*datagram)) {
            const auto answer = acknowledgement(*message);
            if (!answer || message->sequence < batch.first_sequence)
                continue;
            if (answer->error_number != 0)
                keep_first_refusal(answers, *message, *answer);
            else if (message->sequence == batch.last_step_sequence)
                answers.acknowledged = true;
        }
    }
}

// What the kernel was at when it refused: a step of the plan, or the whole.
std::string refused_part(const Plan& plan, const Batch& batch, std::uint32_t sequence)
{
    const auto index = sequence - batch.first_sequence;
    if (index >= 1 && index <= plan.steps.size())
        return describe(plan.family, plan.steps[index - 1]);
    return "carry out the transaction";
}

Outcome stale(const Plan& plan)
{
    return {.kind = Outcome::Kind::stale,
            .detail = fmt::format("the ruleset has moved on from generation {}", plan.generation)};
}

Outcome committed(std::uint32_t generation)
{
    return {.kind = Outcome::Kind::committed,
            .generation = generation,
            .detail = {},
            .transactions = {{.first = generation, .last = generation}}};
}

Outcome outcome_of(const Answers& answers, const Plan& plan, const Batch& batch)
{
    if (answers.error_number == 0 && answers.acknowledged)
        return committed(generation_after(plan.generation));
    if (answers.error_number == 0)
        return {.kind = Outcome::Kind::failed, .detail = "nf_tables did not acknowledge the transaction"};
    if (answers.error_number == ERESTART)
        return stale(plan);
    const auto reason = std::generic_category().message(answers.error_number);
    const auto what = refused_part(plan, batch, answers.refused_sequence);
    const auto kind = answers.error_number == EPERM ? Outcome::Kind::denied : Outcome::Kind::failed;
    return {.kind = kind, .detail = fmt::format("the kernel refused to {}: {}{}", what, reason, answers.explanation)};
}

Outcome failed(const Error& error)
{
    const auto kind = error.code == ErrorCode::denied ? Outcome::Kind::denied : Outcome::Kind::failed;
    return {.kind = kind, .detail = error.what};
}

}  // namespace

Result<std::unique_ptr<NftBackend>> NftBackend::open()
{
    auto socket = Socket::open();
    if (!socket)
        return tl::unexpected(socket.error());
    std::unique_ptr<NftBackend> backend{new NftBackend{*std::move(socket)}};
    // The first question tells whether there is anybody to ask.
    if (const auto generation = backend->generation(); !generation)
        return tl::unexpected(generation.error());
    return backend;
}

Result<Snapshot> NftBackend::observe(const DesiredState& desired)
{
    const auto deadline = std::chrono::steady_clock::now() + looking_deadline;
    auto before = look_once(socket_, desired);
    while (before && std::chrono::steady_clock::now() < deadline) {
        auto snapshot = look_once(socket_, desired);
        if (!snapshot || *snapshot == *before)
            return snapshot;
        before = std::move(snapshot);
    }
    if (!before)
        return before;
    return tl::unexpected(Error{ErrorCode::unsettled, "the ruleset changed under every look at it"});
}

Outcome NftBackend::commit(const Plan& plan)
{
    if (plan.empty())
        return {.kind = Outcome::Kind::committed, .generation = plan.generation, .detail = {}};
    // No ruleset has this generation, and the kernel would take it for a commit without a condition
    // (net/netfilter/nf_tables_api.c, nf_tables_valid_genid).
    if (plan.generation == 0)
        return stale(plan);
    const auto first_sequence = socket_.reserve_sequences(plan.steps.size() + 2);
    const auto batch = make_batch(plan, first_sequence);
    if (!batch)
        return failed(batch.error());
    if (const auto sent = socket_.send(batch->messages); !sent)
        return failed(sent.error());
    const auto answers = read_answers(socket_, *batch);
    return answers ? outcome_of(*answers, plan, *batch) : failed(answers.error());
}

Result<std::uint32_t> NftBackend::generation()
{
    return read_generation(socket_);
}

}  // namespace chainkeeper::repair::nft
