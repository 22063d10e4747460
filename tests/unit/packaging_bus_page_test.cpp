// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/authorisation.hpp"
#include "daemon/api/interface.hpp"
#include "daemon/history/incident.hpp"
#include "daemon/looked.hpp"
#include "daemon/status.hpp"
#include "tests/unit/man_page.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <set>
#include <systemd/sd-bus.h>

// org.chainkeeper1(5) is the table that sd-bus serves.

using namespace chainkeeper;
using namespace chainkeeper::daemon;
using namespace chainkeeper::tests;

namespace {

const ManPage& page()
{
    static const ManPage page{"org.chainkeeper1.5"};
    return page;
}

std::vector<const sd_bus_vtable*> members(char type)
{
    std::vector<const sd_bus_vtable*> found;
    for (const auto* entry = interface_table() + 1; entry->type != _SD_BUS_VTABLE_END; ++entry)
        if (entry->type == static_cast<unsigned char>(type))
            found.push_back(entry);
    return found;
}

// The first complete type of a signature, none of which is nested deeper than "a{ss}".
std::string_view first_type(std::string_view signature)
{
    const auto begin = signature.find_first_not_of('a');
    const auto end = signature.substr(begin).starts_with('{')   ? signature.find('}')
                     : signature.substr(begin).starts_with('(') ? signature.find(')')
                                                                : begin;
    return signature.substr(0, end + 1);
}

// "t seconds, s reason"; takes the names, which end in a zero each, as it goes. sd-bus has a null pointer for nothing.
std::string arguments_text(const char* types, const char*& names)
{
    std::string_view signature{types == nullptr ? "" : types};
    std::vector<std::string> arguments;
    while (!signature.empty()) {
        const auto type = first_type(signature);
        const std::string_view name{names};
        arguments.push_back(fmt::format("{} {}", type, name));
        names += name.size() + 1;
        signature.remove_prefix(type.size());
    }
    return fmt::format("{}", fmt::join(arguments, ", "));
}

std::string heading_of_method(const sd_bus_vtable& entry)
{
    const auto& method = entry.x.method;
    const char* names = method.names;
    const auto arguments = arguments_text(method.signature, names);
    const auto result = arguments_text(method.result, names);
    return fmt::format("{}({}){}{}", method.member, arguments, result.empty() ? "" : " -> ", result);
}

std::string heading_of_signal(const sd_bus_vtable& entry)
{
    const char* names = entry.x.signal.names;
    return fmt::format("{}({})", entry.x.signal.member, arguments_text(entry.x.signal.signature, names));
}

std::string heading_of_property(const sd_bus_vtable& entry)
{
    return fmt::format("{} {}", entry.x.property.member, entry.x.property.signature);
}

std::vector<std::string> headings(char type, std::string (*heading_of)(const sd_bus_vtable&))
{
    const auto entries = members(type);
    std::vector<std::string> all;
    all.reserve(entries.size());
    for (const auto* const entry : entries)
        all.push_back(heading_of(*entry));
    return all;
}

template <typename Value, typename WordOf>
std::vector<std::string> words_of(std::initializer_list<Value> values, WordOf word_of)
{
    std::vector<std::string> words;
    words.reserve(values.size());
    for (const auto value : values)
        words.emplace_back(word_of(value));
    return words;
}

void add_keys(std::set<std::string>& keys, const nlohmann::json& json)
{
    for (const auto& [key, value] : json.items()) {
        if (json.is_object())
            keys.insert(key);
        if (value.is_structured())
            add_keys(keys, value);
    }
}

repair::Diagnosis sample_diagnosis()
{
    const repair::Rule rule{};
    return {.family = repair::Family::ipv4,
            .generation = 7,
            .findings = {{.kind = repair::FindingKind::jump_missing,
                          .table = repair::Table::filter,
                          .chain = "INPUT",
                          .rule = rule}}};
}

Incident full_incident()
{
    Incident incident;
    incident.culprit = Culprit{};
    incident.families.push_back({.family = repair::Family::ipv4, .decision = {}});
    incident.timeline.push_back({.at = {}, .event = "settled", .text = ""});
    return incident;
}

Status full_status()
{
    Status status;
    status.families.push_back({.diagnosis = sample_diagnosis(), .decision = {}});
    status.units =
        UnitsSeen{.kubelet = KubeletUnit{}, .disruptor_jobs = {UnitJob{.unit = "u", .type = "t", .since = {}}}};
    status.hold = Hold{};
    status.last_repair = Status::LastRepair{};
    status.last_incident = to_json(full_incident(), "");
    return status;
}

Looked full_look()
{
    Looked looked;
    auto& family = looked.families.emplace_back();
    family.decided.diagnosis = sample_diagnosis();
    family.decided.plan = {.family = repair::Family::ipv4,
                           .generation = 7,
                           .steps = {repair::AddRule{.table = repair::Table::filter,
                                                     .chain = "KUBE-FIREWALL",
                                                     .rule = {},
                                                     .before = repair::RulePosition{.handle = 1, .number = 1}}}};
    family.committed = Committed{.at = {}, .plan = {.family = repair::Family::ipv4}, .outcome = {}};
    family.verified = Verified{.at = {}, .fulfilled = true, .after = sample_diagnosis()};
    return looked;
}

}  // namespace

TEST_CASE("org.chainkeeper1(5) has every member of the table as it is, and no other")
{
    CHECK(difference(page().subsections("METHODS"), headings(_SD_BUS_VTABLE_METHOD, heading_of_method)) == "");
    CHECK(difference(page().subsections("PROPERTIES"), headings(_SD_BUS_VTABLE_PROPERTY, heading_of_property)) == "");
    CHECK(difference(page().subsections("SIGNALS"), headings(_SD_BUS_VTABLE_SIGNAL, heading_of_signal)) == "");
    CHECK(members(_SD_BUS_VTABLE_WRITABLE_PROPERTY).empty());
}

TEST_CASE("org.chainkeeper1(5) says which properties never change")
{
    for (const auto* const entry : members(_SD_BUS_VTABLE_PROPERTY)) {
        const auto heading = heading_of_property(*entry);
        const bool constant = (entry->flags & SD_BUS_VTABLE_PROPERTY_CONST) != 0;
        CHECK_MESSAGE(page().text("PROPERTIES", heading).ends_with("Does not change.") == constant, heading);
    }
}

TEST_CASE("org.chainkeeper1(5) has every state of the node")
{
    CHECK(difference(page().terms("PROPERTIES", "State s"),
                     words_of({State::unknown, State::refused, State::findings, State::waiting, State::healthy},
                              [](State state) { return to_string(state); })) == "");
}

TEST_CASE("org.chainkeeper1(5) has every error and every action of polkit")
{
    const std::regex error{R"re("(org\.chainkeeper1\.Error\.\w+)")re"};
    std::vector<std::string> own;
    for (const auto& term : page().terms("ERRORS"))
        if (term.starts_with("org.chainkeeper1."))
            own.push_back(term);
    CHECK(difference(sorted(own), matches_in_sources("daemon", error)) == "");

    const auto actions = words_of({Privilege::repair, Privilege::hold, Privilege::reload}, action_of);
    CHECK(difference(page().terms("AUTHORISATION"), actions) == "");
    CHECK(action_of(static_cast<Privilege>(actions.size())) == std::string_view{"org.chainkeeper1.unknown"});
    const std::regex action{R"re(<action id="([^"]+)">)re"};
    CHECK(difference(sorted(actions), matches(source_text("systemd/org.chainkeeper1.policy"), action)) == "");
}

TEST_CASE("org.chainkeeper1(5) has every kind of finding")
{
    std::vector<std::string> kinds;
    for (unsigned number = 0; to_string(static_cast<repair::FindingKind>(number)) != "unknown"; ++number)
        kinds.emplace_back(to_string(static_cast<repair::FindingKind>(number)));
    CHECK(difference(page().terms("JSON", "STATUS"), kinds) == "");
}

TEST_CASE("org.chainkeeper1(5) has every key of the JSON")
{
    std::set<std::string> keys;
    for (const auto& json : {to_json(full_status()), plan_json(full_look()), repair_json(full_look())})
        add_keys(keys, json);
    const std::regex key{R"re("([a-z_]+)":)re"};
    CHECK(difference(matches(page().examples("JSON"), key), std::vector<std::string>(keys.begin(), keys.end())) == "");
}
