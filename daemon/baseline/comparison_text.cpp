// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/baseline/comparison_text.hpp"

#include "daemon/backend_evidence.hpp"
#include "daemon/command/screen.hpp"
#include "daemon/short_text.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <utility>

namespace chainkeeper::daemon::baseline {

namespace {

using nlohmann::json;
using Kind = Difference::Kind;

// Whatever somebody wrote into the file.
constexpr std::size_t longest_name = 300;

std::string_view label_of(const Difference& difference)
{
    if (difference.may_be_normal)
        return "may be";
    switch (difference.kind) {
    case Kind::other_backend: return "backend";
    case Kind::missing_chain:
    case Kind::missing_rule: return "missing";
    case Kind::changed_policy: return "changed";
    case Kind::added_rule:
    case Kind::added_chain: return "added";
    case Kind::number_of_rules:
    case Kind::number_of_chains: return "number";
    }
    return "";
}

Colour colour_of(const Difference& difference)
{
    if (difference.may_be_normal)
        return Colour::none;
    return difference.kind == Kind::added_chain ? Colour::yellow : Colour::red;
}

std::string seen_of(const Difference& difference)
{
    const auto name = fmt::format("{} {}", difference.name.table, difference.name.chain);
    switch (difference.kind) {
    case Kind::other_backend:
        return fmt::format("all chains were in {}, and are in {}", place_of(other_than(difference.name.place.variant)),
                           place_of(difference.name.place.variant));
    case Kind::missing_chain: return fmt::format("{} is not there", name);
    case Kind::changed_policy: return fmt::format("{}: policy {}, and was {}", name, difference.is, difference.was);
    case Kind::missing_rule: return fmt::format("{} has no `{}`", name, difference.rule);
    case Kind::added_rule: return fmt::format("{} has `{}`", name, difference.rule);
    case Kind::added_chain: return fmt::format("{} is there", name);
    case Kind::number_of_rules: return fmt::format("{}: {} rules, and was {}", name, difference.is, difference.was);
    case Kind::number_of_chains: return fmt::format("{}: {} chains, and was {}", name, difference.is, difference.was);
    }
    return {};
}

std::string last_line(const SavedBaseline& saved, const std::vector<Difference>& differences)
{
    const auto whose =
        fmt::format("{}, saved {}", saved.node.empty() ? "a node without a name" : saved.node, clock_text(saved.saved));
    const auto matter = std::ranges::count_if(differences, [](const auto& each) { return !each.may_be_normal; });
    if (matter == 0)
        return fmt::format("as on {}", whose);
    return fmt::format("{} from {}; `chainkeeper doctor` says what to do",
                       counted(static_cast<std::uint64_t>(matter), "difference"), whose);
}

}  // namespace

bool any_matters(const std::vector<Difference>& differences)
{
    return std::ranges::any_of(differences, [](const auto& each) { return !each.may_be_normal; });
}

std::string sentence_of(const Difference& difference)
{
    const auto where = difference.kind == Kind::other_backend ? std::string{to_string(difference.name.place.family)}
                                                              : doctor::to_string(difference.name.place);
    return short_text(fmt::format("{}: {}", where, seen_of(difference)), 3 * longest_name);
}

std::string comparison_text(const SavedBaseline& saved, const std::vector<Difference>& differences, bool colours)
{
    constexpr std::size_t label_width = 10;
    Screen screen{colours, label_width};
    for (const auto& difference : differences)
        screen.wrapped_row(label_of(difference), sentence_of(difference), colour_of(difference));
    const bool matters = any_matters(differences);
    screen.wrapped_row(matters ? "differs" : "same", short_text(last_line(saved, differences), 3 * longest_name),
                       matters ? Colour::bold : Colour::green);
    return screen.text();
}

json comparison_json(const SavedBaseline& saved, const std::vector<Difference>& differences)
{
    auto list = json::array();
    for (const auto& each : differences)
        list.push_back({{"kind", to_string(each.kind)},
                        {"may_be_normal", each.may_be_normal},
                        {"backend", to_string(each.name.place.variant)},
                        {"family", to_string(each.name.place.family)},
                        {"table", short_text(each.name.table, longest_name)},
                        {"chain", short_text(each.name.chain, longest_name)},
                        {"rule", short_text(each.rule, longest_name)},
                        {"was", each.was},
                        {"is", each.is},
                        {"text", sentence_of(each)}});
    return {{"node", short_text(saved.node, longest_name)},
            {"saved", short_text(saved.saved, longest_name)},
            {"same", !any_matters(differences)},
            {"differences", std::move(list)}};
}

}  // namespace chainkeeper::daemon::baseline
