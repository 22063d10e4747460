// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/doctor_text.hpp"

#include "daemon/command/screen.hpp"
#include "daemon/doctor/checks.hpp"
#include "daemon/short_text.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <utility>

namespace chainkeeper::daemon::doctor {

namespace {

using nlohmann::json;

constexpr std::size_t label_width = 10;

Colour colour_of(Verdict verdict)
{
    switch (verdict) {
    case Verdict::critical: return Colour::red;
    case Verdict::warning:
    case Verdict::unknown: return Colour::yellow;
    case Verdict::ok: return Colour::green;
    case Verdict::not_applicable: return Colour::none;
    }
    return Colour::none;
}

void add(Screen& screen, const Examined& examined)
{
    const auto& judgement = examined.judgement;
    screen.row(label_of(judgement.verdict), examined.check->name(), colour_of(judgement.verdict));
    for (const auto& seen : judgement.evidence)
        screen.wrapped_row("", short_text(seen, longest_sentence));
    if (!judgement.next_step.empty())
        screen.wrapped_row("    next", short_text(judgement.next_step, longest_sentence));
}

// The first that has something to do.
const Examined* first_to_do(const std::vector<Examined>& examined)
{
    const auto first =
        std::ranges::find_if(examined, [](const auto& each) { return !each.judgement.next_step.empty(); });
    return first == examined.end() ? nullptr : &*first;
}

json printable_list(const std::vector<std::string>& texts)
{
    auto list = json::array();
    for (const auto& text : texts)
        list.push_back(short_text(text, longest_sentence));
    return list;
}

}  // namespace

std::string doctor_text(std::vector<Examined> examined, bool colours)
{
    put_worst_first(examined);
    Screen screen{colours, label_width};
    for (const auto& each : examined)
        add(screen, each);
    if (const auto* const first = first_to_do(examined); first != nullptr)
        screen.wrapped_row(
            "first",
            short_text(fmt::format("{}: {}", first->check->name(), first->judgement.next_step), longest_sentence),
            Colour::bold);
    else
        screen.row("first", "nothing is to be done", Colour::green);
    return screen.text();
}

json doctor_json(std::vector<Examined> examined, const std::string& policy_error)
{
    put_worst_first(examined);
    auto checks = json::array();
    for (const auto& [check, judgement] : examined)
        checks.push_back({{"name", check->name()},
                          {"verdict", to_string(judgement.verdict)},
                          {"question", check->question()},
                          {"evidence", printable_list(judgement.evidence)},
                          {"next_step", short_text(judgement.next_step, longest_sentence)}});
    const auto* const first = first_to_do(examined);
    return {{"verdict", to_string(worst_of(examined))},
            {"first", first == nullptr ? std::string_view{} : first->check->name()},
            {"policy_error", short_text(policy_error, longest_sentence)},
            {"checks", std::move(checks)}};
}

std::string brief_text(std::vector<Examined> examined)
{
    put_worst_first(examined);
    std::string line = "nothing is to be done";
    if (worst_of(examined) < Verdict::ok) {
        const auto& [check, judgement] = examined.front();
        line = fmt::format("{}: {}", check->name(),
                           judgement.evidence.empty() ? std::string{} : judgement.evidence.front());
    }
    return short_text(line, brief_width) + '\n';
}

std::string list_text()
{
    constexpr std::size_t name_width = 19;
    Screen screen{false, name_width};
    for (const auto* const check : all_checks())
        screen.wrapped_row(check->name(), check->question());
    return screen.text();
}

json list_json()
{
    auto checks = json::array();
    for (const auto* const check : all_checks())
        checks.push_back({{"name", check->name()}, {"question", check->question()}});
    return checks;
}

}  // namespace chainkeeper::daemon::doctor
