// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/baseline/comparison_text.hpp"
#include "daemon/command/command_line.hpp"
#include "daemon/doctor/checks.hpp"
#include "daemon/doctor/conntrack_check.hpp"
#include "daemon/doctor/doctor_text.hpp"
#include "daemon/options.hpp"
#include "tests/unit/man_page.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

// chainkeeper(1) and the options in chainkeeperd(8) are the command lines of the programs.

using namespace chainkeeper::daemon;
using namespace chainkeeper::tests;

namespace {

struct Command {
    Command() { add_command_line(app, invocation); }
    CLI::App app;
    Invocation invocation;
};

struct Daemon {
    Daemon() { add_daemon_options(app, options); }
    CLI::App app;
    DaemonOptions options;
};

std::vector<std::string> flags_of(const CLI::Option& option)
{
    std::vector<std::string> flags;
    flags.reserve(option.get_snames().size() + option.get_lnames().size());
    for (const auto& name : option.get_snames())
        flags.push_back("-" + name);
    for (const auto& name : option.get_lnames())
        flags.push_back("--" + name);
    return flags;
}

std::vector<std::string> flags_of(const CLI::App& app)
{
    std::vector<std::string> flags;
    for (const auto* const option : app.get_options())
        for (auto& flag : flags_of(*option))
            flags.push_back(std::move(flag));
    return sorted(std::move(flags));
}

// "policy check FILE"
std::string usage_of(const std::string& path, const CLI::App& command)
{
    auto usage = path;
    for (const auto* const option : command.get_options())
        if (!option->nonpositional())
            usage += " " + option->get_name(true);
    return usage;
}

std::vector<const CLI::App*> subcommands_of(const CLI::App& app)
{
    return app.get_subcommands([](const CLI::App*) { return true; });
}

struct Leaf {
    std::string usage;
    const CLI::App* command;
};

// The commands that are not divided further.
void add_leaves(std::vector<Leaf>& leaves, const CLI::App& parent, const std::string& path)
{
    for (const auto* const command : subcommands_of(parent)) {
        const auto name = path.empty() ? command->get_name() : path + " " + command->get_name();
        if (subcommands_of(*command).empty())
            leaves.push_back({usage_of(name, *command), command});
        else
            add_leaves(leaves, *command, name);
    }
}

std::vector<Leaf> leaves_of(const CLI::App& app)
{
    std::vector<Leaf> leaves;
    add_leaves(leaves, app, "");
    return leaves;
}

// The page says that it is required, and what it is by default.
void check_option(const CLI::App& command, const ManPage::Definition& definition)
{
    const auto* const option = command.get_option_no_throw(definition.term);
    REQUIRE(option != nullptr);
    CHECK((definition.text.find("Required.") != std::string::npos) == option->get_required());
    if (const auto value = option->get_default_str(); !value.empty())
        CHECK(definition.text.find(fmt::format("Default: {}.", value)) != std::string::npos);
    CHECK((definition.line.find('_') != std::string::npos) == (option->get_expected_max() > 0));
}

std::vector<std::string> keys_of(const nlohmann::json& object)
{
    std::vector<std::string> keys;
    for (const auto& [key, value] : object.items())
        keys.push_back(key);
    return keys;
}

}  // namespace

TEST_CASE("chainkeeper(1) has every command, and no other")
{
    const Command command;
    const auto leaves = leaves_of(command.app);
    std::vector<std::string> usages;
    usages.reserve(leaves.size());
    for (const auto& leaf : leaves)
        usages.push_back(leaf.usage);
    CHECK(difference(sorted(ManPage{"chainkeeper.1"}.subsections("COMMANDS")), sorted(usages)) == "");
}

TEST_CASE("chainkeeper(1) has every option of each command, and no other")
{
    const ManPage page{"chainkeeper.1"};
    const Command command;
    const auto common = page.terms("OPTIONS", "Of every command");
    for (const auto& leaf : leaves_of(command.app)) {
        CAPTURE(leaf.usage);
        auto documented = page.terms("COMMANDS", leaf.usage);
        documented.insert(documented.end(), common.begin(), common.end());
        CHECK(difference(sorted(documented), flags_of(*leaf.command)) == "");
        for (const auto& definition : page.definitions("COMMANDS", leaf.usage))
            check_option(*leaf.command, definition);
    }
    CHECK(difference(sorted(page.terms("OPTIONS", "Of chainkeeper itself")), flags_of(command.app)) == "");
}

TEST_CASE("chainkeeper(1) has every check of doctor, with its question, and no other")
{
    const auto definitions = ManPage{"chainkeeper.1"}.definitions("CHECKS");
    const auto checks = doctor::all_checks();
    REQUIRE(definitions.size() == checks.size());
    for (std::size_t index = 0; index < checks.size(); ++index) {
        CHECK(definitions.at(index).term == checks[index]->name());
        CHECK(definitions.at(index).text.find(checks[index]->question()) != std::string::npos);
    }
    const auto named = [](const auto& definition) { return definition.term == "conntrack"; };
    const auto& conntrack = std::ranges::find_if(definitions, named)->text;
    CHECK(conntrack.find(fmt::format("{} %", doctor::conntrack_critical)) != std::string::npos);
    CHECK(conntrack.find(fmt::format("{} %", chainkeeper::policies::Policy{}.doctor.conntrack_percent)) !=
          std::string::npos);
    CHECK(conntrack.find(fmt::format("within {} ms _insert_failed_ grows by {} or more", doctor::loss_watch.count(),
                                     doctor::least_failed)) != std::string::npos);
    const auto text = source_text("packaging/man/chainkeeper.1.scd");
    CHECK(text.find(fmt::format("beyond {} MiB, no saved rules", doctor::Root::largest_text >> 20U)) !=
          std::string::npos);
    CHECK(text.find(fmt::format("beyond {} MiB, and no", doctor::Root::largest_stream >> 20U)) != std::string::npos);
    CHECK(text.find(fmt::format("beyond {} entries", doctor::Root::most_names)) != std::string::npos);
}

TEST_CASE("chainkeeper(1) has every key of doctor's JSON, every verdict, and no other")
{
    const ManPage page{"chainkeeper.1"};
    const auto json = doctor::doctor_json({{doctor::all_checks().front(), {}}});
    const std::string section = "JSON OF DOCTOR";
    CHECK(difference(sorted(page.terms(section, "The answer")), keys_of(json)) == "");
    CHECK(difference(sorted(page.terms(section, "Of each check")), keys_of(json.at("checks").at(0))) == "");
    const std::regex verdict{R"re(case Verdict::\w+: return "(\w+)";)re"};
    const auto verdicts = matches(source_text("daemon/doctor/check.cpp"), verdict);
    CHECK(verdicts.size() == 5);
    for (const auto& name : verdicts)
        CHECK(page.definitions(section, "The answer").front().text.find("*" + name + "*") != std::string::npos);
}

TEST_CASE("chainkeeper(1) has every member of a baseline and of a comparison, and every kind of difference")
{
    const ManPage page{"chainkeeper.1"};
    const std::string section = "BASELINES";
    const auto terms_of = [&](const std::string& subsection) { return sorted(page.terms(section, subsection)); };
    const auto has = [&](const std::string& subsection, const std::string& name) {
        return std::ranges::any_of(page.definitions(section, subsection), [&](const auto& definition) {
            return definition.text.find("*" + name + "*") != std::string::npos;
        });
    };
    baseline::SavedBaseline saved;
    saved.baseline[{.place = doctor::all_places.front(), .table = "nat", .chain = "KUBE-SERVICES"}] = {};
    const auto file = nlohmann::json::parse(baseline::to_text(saved).value());
    CHECK(difference(terms_of("The file"), keys_of(file)) == "");
    for (const auto& name : keys_of(file.at("chains").at(0)))
        CHECK_MESSAGE(has("The file", name), name);
    const auto answer = baseline::comparison_json(saved, baseline::compare(saved.baseline, {}));
    CHECK(difference(terms_of("The answer of compare"), keys_of(answer)) == "");
    CHECK(difference(terms_of("Of each difference"), sorted(keys_of(answer.at("differences").at(0)))) == "");
    const auto kinds =
        matches(source_text("daemon/baseline/comparison.cpp"), std::regex{R"re(case Kind::\w+: return "(\w+)";)re"});
    CHECK(kinds.size() == 8);
    for (const auto& kind : kinds)
        CHECK_MESSAGE(has("Of each difference", kind), kind);
}

TEST_CASE("the README and the policy file speak of no command that there is not")
{
    const Command command;
    const auto commands = subcommands_of(command.app);
    std::vector<std::string> known;
    known.reserve(commands.size());
    for (const auto* const each : commands)
        known.push_back(each->get_name());
    for (const auto* const file : {"README.md", "policies/chainkeeper.toml"})
        for (const auto& name : matches(source_text(file), std::regex{"`chainkeeper ([a-z]+)"}))
            CHECK_MESSAGE(std::ranges::find(known, name) != known.end(), file, ": ", name);
}

TEST_CASE("chainkeeper(1) has every exit code of command.hpp")
{
    const std::regex constant{R"(inline constexpr int exit_\w+ = (\d+);)"};
    CHECK(difference(sorted(ManPage{"chainkeeper.1"}.terms("EXIT STATUS")),
                     matches(source_text("daemon/command/command.hpp"), constant)) == "");
}

TEST_CASE("chainkeeperd(8) has every exit code of the daemon")
{
    // What the loop was stopped with is EXIT_SUCCESS.
    auto codes = matches(source_text("daemon/chainkeeperd.cpp"), std::regex{R"(constexpr int exit_\w+ = (\d+);)"});
    codes.insert(codes.begin(), "0");
    CHECK(difference(ManPage{"chainkeeperd.8"}.terms("EXIT STATUS"), codes) == "");
}

TEST_CASE("chainkeeperd(8) has every option of the daemon, and no other")
{
    const ManPage page{"chainkeeperd.8"};
    const Daemon daemon;
    CHECK(difference(sorted(page.terms("OPTIONS")), flags_of(daemon.app)) == "");
    for (const auto& definition : page.definitions("OPTIONS"))
        check_option(daemon.app, definition);
}

TEST_CASE("no page speaks of an option that neither program has")
{
    const Command command;
    const Daemon daemon;
    auto known = flags_of(daemon.app);
    for (const auto& flag : flags_of(command.app))
        known.push_back(flag);
    for (const auto& leaf : leaves_of(command.app))
        for (const auto& flag : flags_of(*leaf.command))
            known.push_back(flag);
    for (const auto* const name : {"chainkeeper.1", "chainkeeper.toml.5", "chainkeeperd.8", "org.chainkeeper1.5"})
        for (const auto& flag : ManPage{name}.bold(std::regex{"--?[a-z-]+"}))
            CHECK_MESSAGE(std::ranges::find(known, flag) != known.end(), name, ": ", flag);
}
