// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/evidence_json.hpp"

#include "daemon/json_read.hpp"
#include "policies/text_file.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace chainkeeper::daemon {

namespace {

using nlohmann::json;
using policies::Monitor;
using Source = KubeletEvidence::Source;
using State = KubeletEvidence::State;

constexpr std::array all_monitors{Monitor::alive, Monitor::dead, Monitor::unknown};
// An assumption is not kept.
constexpr std::array kept_sources{Source::none, Source::presence, Source::journal, Source::deadline};

template <typename Values>
auto named(const Values& values, const json& name) -> std::optional<typename Values::value_type>
{
    const auto found = std::ranges::find_if(values, [&](auto value) { return name == to_string(value); });
    return found == values.end() ? std::nullopt : std::optional{*found};
}

json state_to_json(const State& state)
{
    auto ours = json::array();
    for (const auto& [table, chain] : state.ours)
        ours.push_back({{"table", to_string(table)}, {"chain", chain}});
    json object{{"monitor", to_string(state.monitor)},
                {"source", to_string(state.source)},
                {"generation", state.generation},
                {"ours", std::move(ours)},
                {"left_out", state.left_out}};
    if (state.canary_missing_since)
        object["canary_missing_since_ns"] = state.canary_missing_since->time_since_epoch().count();
    if (state.instance_since)
        object["instance"] = {{"invocation", state.invocation},
                              {"since_ns", state.instance_since->time_since_epoch().count()},
                              {"init_reported", state.init_reported}};
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

// What an older daemon has kept is without it.
bool read_left_out(const json& objects, State& state)
{
    if (objects.is_null())
        return true;
    return objects.is_array() && std::ranges::all_of(objects, [&](const json& object) {
               if (object.is_string())
                   state.left_out.insert(object.get<std::string>());
               return object.is_string();
           });
}

// False for an instant that is still to come; one that is not there is fine.
bool read_instant(const json& number, Instant now, std::optional<Instant>& instant)
{
    if (number.is_null())
        return true;
    const auto present = static_cast<std::uint64_t>(now.time_since_epoch().count());
    if (!number.is_number_unsigned() || number.get<std::uint64_t>() > present)
        return false;
    instant = Instant{Duration{number.get<std::int64_t>()}};
    return true;
}

bool read_instance(const json& object, Instant now, State& state)
{
    if (object.is_null())
        return true;
    const auto invocation = member(object, "invocation");
    const auto reported = member(object, "init_reported");
    if (!invocation.is_string() || !reported.is_boolean() || member(object, "since_ns").is_null())
        return false;
    state.invocation = invocation.get<std::string>();
    state.init_reported = reported.get<bool>();
    return !state.invocation.empty() && read_instant(member(object, "since_ns"), now, state.instance_since);
}

std::optional<State> state_from_json(const json& object, Instant now)
{
    const auto monitor = named(all_monitors, member(object, "monitor"));
    const auto source = named(kept_sources, member(object, "source"));
    if (!monitor || !source)
        return std::nullopt;
    State state;
    const auto generation = member(object, "generation");
    state.generation = generation.is_number_unsigned() ? generation.get<std::uint32_t>() : 0;
    state.monitor = *monitor;
    state.source = *source;
    const bool read = read_instant(member(object, "canary_missing_since_ns"), now, state.canary_missing_since) &&
                      read_instance(member(object, "instance"), now, state) &&
                      read_chains(member(object, "ours"), state) && read_left_out(member(object, "left_out"), state);
    return read ? std::optional{state} : std::nullopt;
}

}  // namespace

std::string evidence_scope()
{
    const auto boot = policies::read_text_file("/proc/sys/kernel/random/boot_id").value_or("?\n");
    std::error_code error;
    const auto network = std::filesystem::read_symlink("/proc/self/ns/net", error);
    return boot.substr(0, boot.find('\n')) + " " + network.string();
}

std::string to_json(const Keeper::Evidence& evidence, std::string_view scope)
{
    json object{{"scope", scope}};
    for (const auto& [family, state] : evidence)
        object[std::string{to_string(family)}] = state_to_json(state);
    return object.dump() + "\n";
}

std::optional<Keeper::Evidence> evidence_from_json(std::string_view text, std::string_view scope, Instant now)
{
    auto object = json::parse(text, nullptr, false);
    if (member(object, "scope") != scope)
        return std::nullopt;
    object.erase("scope");
    Keeper::Evidence evidence;
    for (const auto& [name, value] : object.items()) {
        const auto family = repair::family_from_string(name);
        auto state = family ? state_from_json(value, now) : std::nullopt;
        if (!state)
            return std::nullopt;
        evidence.emplace(*family, *std::move(state));
    }
    return evidence;
}

}  // namespace chainkeeper::daemon
