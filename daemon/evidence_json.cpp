// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/evidence_json.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace chainkeeper::daemon {

namespace {

using nlohmann::json;
using policies::Monitor;
using Source = KubeletEvidence::Source;
using State = KubeletEvidence::State;

constexpr std::array all_monitors{Monitor::alive, Monitor::dead, Monitor::unknown};
constexpr std::array all_sources{Source::none, Source::assumed, Source::presence, Source::deadline};

template <typename Values>
auto named(const Values& values, const json& name) -> std::optional<typename Values::value_type>
{
    const auto found = std::ranges::find_if(values, [&](auto value) { return name == to_string(value); });
    return found == values.end() ? std::nullopt : std::optional{*found};
}

json member(const json& object, const char* name)
{
    return object.is_object() ? object.value(name, json{}) : json{};
}

json state_to_json(const State& state)
{
    auto ours = json::array();
    for (const auto& [table, chain] : state.ours)
        ours.push_back({{"table", to_string(table)}, {"chain", chain}});
    json object{{"monitor", to_string(state.monitor)}, {"source", to_string(state.source)}, {"ours", std::move(ours)}};
    if (state.canary_missing_since)
        object["canary_missing_since_ns"] = state.canary_missing_since->time_since_epoch().count();
    return object;
}

bool read_chains(const json& chains, State& state)
{
    return chains.is_array() && std::ranges::all_of(chains, [&](const json& chain) {
               const auto table = named(repair::all_tables, member(chain, "table"));
               const auto name = member(chain, "chain");
               if (table && name.is_string())
                   state.ours.emplace(*table, name.get<std::string>());
               return table && name.is_string();
           });
}

std::optional<State> state_from_json(const json& object)
{
    const auto monitor = named(all_monitors, member(object, "monitor"));
    const auto source = named(all_sources, member(object, "source"));
    const auto since = member(object, "canary_missing_since_ns");
    if (!monitor || !source || !(since.is_null() || since.is_number_integer()))
        return std::nullopt;
    State state{.monitor = *monitor, .source = *source, .ours = {}, .canary_missing_since = std::nullopt};
    if (!since.is_null())
        state.canary_missing_since = Instant{Duration{since.get<std::int64_t>()}};
    return read_chains(member(object, "ours"), state) ? std::optional{state} : std::nullopt;
}

}  // namespace

std::string to_json(const Keeper::Evidence& evidence)
{
    auto object = json::object();
    for (const auto& [family, state] : evidence)
        object[std::string{to_string(family)}] = state_to_json(state);
    return object.dump() + "\n";
}

std::optional<Keeper::Evidence> evidence_from_json(std::string_view text)
{
    const auto object = json::parse(text, nullptr, false);
    if (!object.is_object())
        return std::nullopt;
    Keeper::Evidence evidence;
    for (const auto& [name, value] : object.items()) {
        const auto family = repair::family_from_string(name);
        auto state = family ? state_from_json(value) : std::nullopt;
        if (!state)
            return std::nullopt;
        evidence.emplace(*family, *std::move(state));
    }
    return evidence;
}

}  // namespace chainkeeper::daemon
