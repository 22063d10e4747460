// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/policy_file.hpp"

#include "policies/policy_keys.hpp"

#include <chrono>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chainkeeper::policies {

namespace {

using namespace std::chrono_literals;
using repair::Family;

using Refusals = std::vector<std::pair<std::string, std::string>>;

// Why `text` is refused; nothing when it is not.
std::string refusal(std::string_view text)
{
    const auto policy = parse_policy(text, "p.toml");
    return policy ? "" : policy.error().what;
}

Policy accepted(std::string_view text)
{
    const auto policy = parse_policy(text, "p.toml");
    REQUIRE_MESSAGE(policy.has_value(), policy.error().what);
    return *policy;
}

void check_refused(const Refusals& refusals)
{
    for (const auto& [text, expected] : refusals)
        CHECK(refusal(text) == fmt::format("p.toml:{}", expected));
}

}  // namespace

TEST_CASE("a policy that says nothing is the default")
{
    CHECK(accepted("") == Policy{});
    CHECK(accepted("[guard]\n[kubelet]\n[repair]\n") == Policy{});
}

TEST_CASE("every key changes its member and no other")
{
    Policy expected;
    expected.guard.families = {Family::ipv6};
    CHECK(accepted("[guard]\nfamilies = [\"ipv6\"]") == expected);
    expected = {};
    expected.guard.families = {Family::ipv6, Family::ipv4};
    CHECK(accepted("[guard]\nfamilies = [\"ipv6\", \"ipv4\"]") == expected);
    expected = {};
    expected.guard.backend = BackendChoice::nft;
    CHECK(accepted("[guard]\nbackend = \"nft\"") == expected);
    expected = {};
    expected.kubelet.version = "v1.25.3";
    CHECK(accepted("[kubelet]\nversion = \"v1.25.3\"") == expected);
    expected = {};
    expected.kubelet.monitor_interval = 2min;
    CHECK(accepted("[kubelet]\nmonitor_interval = \"2m\"") == expected);
    expected = {};
    expected.kubelet.init_grace = 0s;
    CHECK(accepted("[kubelet]\ninit_grace = \"0s\"") == expected);
    expected = {};
    expected.repair.mode = Mode::dry_run;
    CHECK(accepted("[repair]\nmode = \"dry-run\"") == expected);
    expected.repair.mode = Mode::off;
    CHECK(accepted("[repair]\nmode = \"off\"") == expected);
    expected = {};
    expected.repair.on_damage = OnDamage::rewrite;
    CHECK(accepted("[repair]\non_damage = \"rewrite\"") == expected);
    expected = {};
    expected.repair.settle = 250ms;
    CHECK(accepted("[repair]\nsettle = \"250ms\"") == expected);
    expected = {};
    expected.repair.settle_deadline = 1min;
    CHECK(accepted("[repair]\nsettle_deadline = \"1m\"") == expected);
}

TEST_CASE("every key about units, limits and reports changes its member and no other")
{
    Policy expected;
    expected.kubelet.units = {"microk8s"};
    CHECK(accepted("[kubelet]\nunits = [\"microk8s\"]") == expected);
    expected = {};
    expected.kubelet.require_active = false;
    CHECK(accepted("[kubelet]\nrequire_active = false") == expected);
    expected = {};
    expected.repair.strategy = Strategy::nudge;
    CHECK(accepted("[repair]\nstrategy = \"nudge\"") == expected);
    expected = {};
    expected.repair.disruptors = {};
    CHECK(accepted("[repair]\ndisruptors = []") == expected);
    expected = {};
    expected.limits.repairs = 3;
    CHECK(accepted("[limits]\nrepairs = 3") == expected);
    expected = {};
    expected.limits.per = 1h;
    CHECK(accepted("[limits]\nper = \"1h\"") == expected);
    expected = {};
    expected.limits.backoff = 2min;
    CHECK(accepted("[limits]\nbackoff = \"2m\"") == expected);
    expected = {};
    expected.limits.backoff_max = 2h;
    CHECK(accepted("[limits]\nbackoff_max = \"2h\"") == expected);
    expected = {};
    expected.report.history_size = 65536;
    CHECK(accepted("[report]\nhistory_size = 65_536") == expected);
    CHECK(accepted("[report]\nhistory_size = 0x10000") == expected);
    expected = {};
    expected.report.textfile = "/run/chainkeeper/chainkeeper.prom";
    CHECK(accepted("[report]\ntextfile = \"/run/chainkeeper/chainkeeper.prom\"") == expected);
    CHECK(accepted("[report]\ntextfile = \"\"") == Policy{});
    for (const auto* const wrong :
         {R"("chainkeeper.prom")", R"("/run/chainkeeper/metrics")", R"("/run/.prom")", R"("/run/a\u0007.prom")",
          R"("/run/\u00e9.prom")", R"("/run/../etc/a.prom")", "true"})
        CHECK_FALSE(parse_policy(fmt::format("[report]\ntextfile = {}\n", wrong), "p.toml").has_value());
}

TEST_CASE("every threshold of doctor changes its member and no other, and is bounded")
{
    Policy expected;
    expected.doctor.conntrack_percent = 95;
    CHECK(accepted("[doctor]\nconntrack_percent = 95") == expected);
    expected = {};
    expected.doctor.rule_limit = 1;
    CHECK(accepted("[doctor]\nrule_limit = 1") == expected);
    expected = {};
    expected.doctor.sync_p99 = 16s;
    CHECK(accepted("[doctor]\nsync_p99 = \"16s\"") == expected);
    expected = {};
    expected.doctor.sync_age = 1s;
    CHECK(accepted("[doctor]\nsync_age = \"1s\"") == expected);
    expected = {};
    expected.doctor.lock_held = 100ms;
    CHECK(accepted("[doctor]\nlock_held = \"100ms\"") == expected);
    expected = {};
    expected.doctor.required_modules = {"ip_vs", "ip_vs_rr"};
    CHECK(accepted("[doctor]\nrequired_modules = [\"ip-vs\", \"ip_vs_rr\"]") == expected);
    CHECK(accepted("[doctor]\nrequired_modules = []") == Policy{});
    for (const auto* const wrong : {"conntrack_percent = 0", "conntrack_percent = 96", "conntrack_percent = \"75\"",
                                    "rule_limit = 0", "rule_limit = -1", "sync_p99 = 5", "sync_p99 = \"17s\"",
                                    "sync_age = \"0s\"", "lock_held = \"0s\"", "lock_hold = \"5s\""})
        CHECK_FALSE(parse_policy(fmt::format("[doctor]\n{}\n", wrong), "p.toml").has_value());
}

TEST_CASE("the text of every key is read as the same value")
{
    Policy policy;
    policy.guard = {.families = {Family::ipv6}, .backend = BackendChoice::legacy, .legacy_poll = 100ms};
    policy.kubelet = {.units = {R"(a\x2db@c:d)", "e"},
                      .require_active = false,
                      .version = "v1.25.3",
                      .monitor_interval = 90s,
                      .init_grace = 1s};
    policy.repair = {.mode = Mode::dry_run,
                     .strategy = Strategy::nudge,
                     .on_damage = OnDamage::rewrite,
                     .transport = Transport::iptables_restore,
                     .settle = 1ms,
                     .settle_deadline = 2s,
                     .lock_deadline = 3s,
                     .disruptors = {}};
    policy.limits = {.repairs = 1, .per = 1s, .backoff = 2s, .backoff_max = 3s};
    policy.report = {.history_size = 100'000, .textfile = "/run/chainkeeper/a.prom"};
    policy.doctor = {.conntrack_percent = 1,
                     .rule_limit = 2,
                     .sync_p99 = 3s,
                     .sync_age = 4s,
                     .lock_held = 5min,
                     .required_modules = {"ip_vs", "A_9"}};
    for (const auto& whole : {Policy{}, policy}) {
        std::string text;
        for (const auto& key : policy_keys())
            text += fmt::format("{}.{} = {}\n", key.section, key.name, key.text(whole));
        CHECK(accepted(text) == whole);
    }
}

TEST_CASE("what TOML offers for the same is accepted")
{
    CHECK(accepted("repair.mode = \"off\"").repair.mode == Mode::off);
    CHECK(accepted("repair = { mode = 'off' }").repair.mode == Mode::off);
    CHECK(accepted("\xef\xbb\xbf[repair]\r\nmode = \"off\" # held\r\n").repair.mode == Mode::off);
}

TEST_CASE("the keys can be asked for")
{
    CHECK(policy_sections() ==
          std::vector<std::string_view>{"guard", "kubelet", "repair", "limits", "report", "doctor"});
    CHECK(policy_keys_of("guard") == std::vector<std::string_view>{"families", "backend", "legacy_poll"});
    CHECK(policy_keys_of("kubelet") ==
          std::vector<std::string_view>{"units", "require_active", "version", "monitor_interval", "init_grace"});
    CHECK(policy_keys_of("repair") == std::vector<std::string_view>{"mode", "strategy", "on_damage", "transport",
                                                                    "settle", "settle_deadline", "lock_deadline",
                                                                    "disruptors"});
    CHECK(policy_keys_of("limits") == std::vector<std::string_view>{"repairs", "per", "backoff", "backoff_max"});
    CHECK(policy_keys_of("report") == std::vector<std::string_view>{"history_size", "textfile"});
    CHECK(policy_keys_of("doctor") == std::vector<std::string_view>{"conntrack_percent", "rule_limit", "sync_p99",
                                                                    "sync_age", "lock_held", "required_modules"});
    CHECK(policy_keys_of("change_window").empty());
    CHECK(policy_keys().size() == 28);
}

TEST_CASE("the words of the policy are the names of its values")
{
    for (const auto mode : all_modes)
        CHECK(accepted(fmt::format("[repair]\nmode = \"{}\"", to_string(mode))).repair.mode == mode);
    for (const auto choice : all_backend_choices)
        CHECK(accepted(fmt::format("[guard]\nbackend = \"{}\"", to_string(choice))).guard.backend == choice);
    for (const auto on_damage : all_on_damage)
        CHECK(accepted(fmt::format("[repair]\non_damage = \"{}\"", to_string(on_damage))).repair.on_damage ==
              on_damage);
    for (const auto strategy : all_strategies)
        CHECK(accepted(fmt::format("[repair]\nstrategy = \"{}\"", to_string(strategy))).repair.strategy == strategy);
    for (const auto transport : all_transports)
        CHECK(accepted(fmt::format("[repair]\ntransport = \"{}\"", to_string(transport))).repair.transport ==
              transport);
}

TEST_CASE("an unknown key, section or word is refused with the nearest known one")
{
    check_refused({
        {"[repair]\nsetle = \"1s\"", "2:1: unknown key 'setle' in [repair]; did you mean 'settle'?"},
        {"[repair]\n  Mode = \"off\"", "2:3: unknown key 'Mode' in [repair]; did you mean 'mode'?"},
        {"[repair]\ncolour = \"green\"", "2:1: unknown key 'colour' in [repair]; known: mode, strategy, on_damage, "
                                         "transport, settle, settle_deadline, lock_deadline, disruptors"},
        {"[repair]\ntransport = \"iptables\"", "2:13: unknown word 'iptables'; known: direct, iptables-restore"},
        {"[repair]\nstrategy = \"nudged\"", "2:12: unknown word 'nudged'; did you mean 'nudge'?"},
        {"[guard]\nfamily = [\"ipv4\"]", "2:1: unknown key 'family' in [guard]; did you mean 'families'?"},
        {"[guard]\nsettle = \"1s\"", "2:1: 'settle' belongs in [repair], not in [guard]"},
        {"mode = \"off\"", "1:1: 'mode' belongs in a section: write it under [repair]"},
        {"colour = \"off\"", "1:1: unknown key 'colour' outside of a section; known: guard, kubelet, repair, limits, "
                             "report, doctor, change_window"},
        {"\n[repiar]", "2:2: unknown section 'repiar'; did you mean 'repair'?"},
        {"[logging]",
         "1:2: unknown section 'logging'; known: guard, kubelet, repair, limits, report, doctor, change_window"},
        {"[repair]\nmode = \"dryrun\"", "2:8: unknown word 'dryrun'; did you mean 'dry-run'?"},
        {"[repair]\nmode = \"observe\"", "2:8: unknown word 'observe'; known: repair, dry-run, off"},
        {"[repair]\nmode = \"\"", "2:8: unknown word ''; known: repair, dry-run, off"},
        {"[repair]\non_damage = \"Report\"", "2:13: unknown word 'Report'; did you mean 'report'?"},
        {"[guard]\nbackend = \"ipset\"", "2:11: unknown word 'ipset'; known: auto, nft, legacy"},
        {"[guard]\nfamilies = [\"ipv4\", \"ip6\"]", "2:21: unknown word 'ip6'; did you mean 'ipv6'?"},
    });
}

TEST_CASE("a refusal is short, however long the text is")
{
    CHECK(refusal(fmt::format("[repair]\n{} = 1", std::string(100'000, 'a'))).size() < 250);
}

TEST_CASE("the first mistake of a text is the one that is reported")
{
    CHECK(refusal("[repair]\nsettle = 1\nmode = 1\n") == refusal("[repair]\nsettle = 1\n"));
    CHECK(refusal("[repair]\nmode = 1\n[guard]\nbackend = 1\n") == refusal("[repair]\nmode = 1\n"));
}

TEST_CASE("a wrong type is refused with what to write")
{
    check_refused({
        {"[repair]\nmode = true", "2:8: 'mode' must be a string, not a boolean"},
        {"[repair]\nsettle = 500",
         R"(2:10: 'settle' must be a string with a unit, such as "250ms" or "10s", not an integer)"},
        {"[repair]\nsettle = 0.5",
         R"(2:10: 'settle' must be a string with a unit, such as "250ms" or "10s", not a floating-point number)"},
        {"[repair]\nsettle = 00:00:10",
         R"(2:10: 'settle' must be a string with a unit, such as "250ms" or "10s", not a time)"},
        {"[repair]\nsettle = 2024-01-01",
         R"(2:10: 'settle' must be a string with a unit, such as "250ms" or "10s", not a date)"},
        {"[repair.mode]", "1:1: 'mode' must be a string, not a table"},
        {"[kubelet]\nversion = 1.30",
         R"(2:11: 'version' must be "auto", or a string such as "1.27", not a floating-point number)"},
        {"[guard]\nfamilies = \"ipv4\"", R"(2:12: 'families' must be an array such as ["ipv4", "ipv6"], not a string)"},
        {"[guard]\nfamilies = [4]", R"(2:13: a family is written "ipv4" or "ipv6", not as an integer)"},
        {"[guard]\nfamilies = [[\"ipv4\"]]", R"(2:13: a family is written "ipv4" or "ipv6", not as an array)"},
        {"[[repair]]\nmode = \"off\"", "1:3: 'repair' is a section: write [repair] on a line of its own"},
        {"repair = \"off\"", "1:1: 'repair' is a section: write [repair] on a line of its own"},
    });
}

TEST_CASE("families are one or both, each of them once")
{
    check_refused({
        {"[guard]\nfamilies = []", "2:12: 'families' is empty: name at least one family"},
        {"[guard]\nfamilies = [\"ipv4\", \"ipv6\", \"ipv4\"]", "2:29: 'ipv4' stands here twice"},
    });
}

TEST_CASE("text that is not TOML is refused where it stops being it")
{
    check_refused({{"[repair]\nmode = \"off", "2:12: this is not TOML: Error while parsing string: encountered "
                                              "end-of-file"}});
    for (const auto* text : {"[repair\n", "mode", "= 1", "[repair]\nmode = off", "[repair]\nmode = \"off\" x",
                             "[repair]\nmode = \"off\"\nmode = \"off\"", "[repair]\n[repair]", "# \xff\xfe",
                             "a = \"\x01\"", "[repair]\nsettle = 1s"}) {
        CAPTURE(refusal(text));
        CHECK(std::regex_search(refusal(text), std::regex{"^p\\.toml:[0-9]+:[0-9]+: this is not TOML: ."}));
    }
    // toml++ quotes what it saw.
    check_refused({{"a = t\x1b[31m", "1:6: this is not TOML: Error while parsing boolean: expected 'true', saw 't?'"}});
}

TEST_CASE("text that the parser of toml++ gives up at is refused in its line")
{
    check_refused({
        {"[.repair]", "1:1: this is not TOML: the line cannot be read"},
        {"[[[repair]]]", "1:1: this is not TOML: the line cannot be read"},
        {"[guard]\n\n[repair]\nmode = \"off\"\n[=]\n[kubelet]\n", "5:1: this is not TOML: the line cannot be read"},
    });
}

TEST_CASE("what toml++ must not be given is refused before it is")
{
    const std::string not_ascii =
        R"(only comments may hold characters other than ASCII; strings have "\u00e9" for them)";
    check_refused({
        {"[repair]\né = 1", "2:1: " + not_ascii},
        {"[repair]\nmode = \"é\"", "2:9: " + not_ascii},
        {"[repair]\nmode = 'a\\' §", "2:13: " + not_ascii},
        {"[repair]\nmode = 'a # §'", "2:13: " + not_ascii},
        {"[repair]\nmode = \"a # \\\" # §\"", "2:18: " + not_ascii},
        {"[repair]\nmode = \"a\\\\\" # §", "2:8: unknown word 'a\\'; known: repair, dry-run, off"},
        {"[repair]\nmode = 'a\\' # §", "2:8: unknown word 'a\\'; known: repair, dry-run, off"},
        {"# §§\n[repair]\nmode = \"a\n§", "4:1: " + not_ascii},
        {"[repair]\nmode = \"\"\"\\\n§\"\"\"", "2:8: a string that spans lines has no place here"},
        {"[repair]\nmode = '''off'''", "2:8: a string that spans lines has no place here"},
        {"[repair]\nmode = \"\\u00e9\"", "2:8: unknown word 'é'; known: repair, dry-run, off"},
    });
    CHECK(accepted("# é \"\"\" '''\n[repair] # \u2028 \"\nmode = 'off' # §'").repair.mode == Mode::off);
    CHECK(accepted("repair = { mode = \"o\\u0066f\" } # \"é\"").repair.mode == Mode::off);
}

TEST_CASE("a key of many parts, which toml++ follows by recursion, is refused, however it is written")
{
    const auto repeated = [](std::string_view text, std::size_t times) {
        std::string all;
        for (std::size_t time = 0; time < times; ++time)
            all += text;
        return all;
    };
    constexpr std::size_t many = 100'000;
    const std::string reason = "a key of that many parts has no place here";
    CHECK(refusal(repeated("a.", many) + "a = 1") == "p.toml:1:34: " + reason);
    CHECK(refusal("\n[" + repeated("a . ", many) + "a]") == "p.toml:2:68: " + reason);
    CHECK(refusal("[[" + repeated("\"a\".", many) + "a]]") == "p.toml:1:70: " + reason);
    CHECK(refusal("a = { " + repeated("'a'.", many) + "a = 1 }").ends_with(reason));
    // Each level of as many parts as there may be, in as many levels as toml++ allows.
    for (const std::size_t levels : {200U, 100'000U}) {
        const auto nested = repeated("[{" + repeated("a.", 16) + "a =\n", levels) + "1" + repeated("}]\n", levels);
        CHECK(refusal("a = " + nested).starts_with("p.toml:"));
    }
    // In strings, comments and separate lines there may be any number.
    CHECK(refusal(repeated("# a.b.c.d.e.f.g.h.i.j\n", 3) + "[kubelet]\n" + repeated("# .", 100)) == "");
    CHECK(refusal("[kubelet]\nunits = [\"" + repeated("a.", 20) + "service\"]") == "");
}

TEST_CASE("a version that no profile is for is refused")
{
    check_refused({
        {"[kubelet]\nversion = \"1.23\"", "2:11: kubelet 1.23 is older than the oldest that is known, 1.24"},
        {"[kubelet]\nversion = \"newest\"",
         R"(2:11: 'newest' is not a version of Kubernetes: write it as "1.27" or "v1.27.3")"},
    });
    CHECK(accepted("[kubelet]\nversion = \"1.24\"").kubelet.version == "1.24");
    CHECK(accepted("[kubelet]\nversion = \"1.99\"").kubelet.version == "1.99");
}

TEST_CASE("a duration out of all proportion is refused")
{
    check_refused({
        {"[repair]\nsettle = \"10\"",
         R"(2:10: '10' is not a duration: write a whole number and a unit, ms, s, m or h, such as "250ms" or "10s")"},
        {"[kubelet]\nmonitor_interval = \"0s\"", "2:20: 'monitor_interval' must be from 100ms to 1h, not 0s"},
        {"[kubelet]\nmonitor_interval = \"99ms\"", "2:20: 'monitor_interval' must be from 100ms to 1h, not 99ms"},
        {"[kubelet]\nmonitor_interval = \"61m\"", "2:20: 'monitor_interval' must be from 100ms to 1h, not 61m"},
        {"[kubelet]\ninit_grace = \"2h\"", "2:14: 'init_grace' must be from 0s to 1h, not 2h"},
        {"[repair]\nsettle = \"61s\"", "2:10: 'settle' must be from 0s to 1m, not 61s"},
        {"[repair]\nsettle_deadline = \"11m\"", "2:19: 'settle_deadline' must be from 0s to 10m, not 11m"},
        {"[repair]\nsettle = \"99999999999h\"", "2:10: '99999999999h' is longer than a clock can count"},
    });
    CHECK(accepted("[kubelet]\nmonitor_interval = \"100ms\"").kubelet.monitor_interval == 100ms);
    CHECK(accepted("[kubelet]\nmonitor_interval = \"1h\"\ninit_grace = \"1h\"").kubelet.init_grace == 1h);
    CHECK(accepted("[repair]\nsettle = \"1m\"\nsettle_deadline = \"10m\"").repair.settle_deadline == 10min);
}

TEST_CASE("a number or a boolean is one, and in its bounds")
{
    check_refused({
        {"[kubelet]\nrequire_active = \"yes\"", "2:18: 'require_active' must be true or false, not a string"},
        {"[kubelet]\nrequire_active = 1", "2:18: 'require_active' must be true or false, not an integer"},
        {"[limits]\nrepairs = \"10\"", "2:11: 'repairs' must be an integer from 1 to 1000, not a string"},
        {"[limits]\nrepairs = 10.0", "2:11: 'repairs' must be an integer from 1 to 1000, not a floating-point number"},
        {"[limits]\nrepairs = 0", "2:11: 'repairs' must be an integer from 1 to 1000, not 0"},
        {"[limits]\nrepairs = -1", "2:11: 'repairs' must be an integer from 1 to 1000, not -1"},
        {"[limits]\nrepairs = 1001", "2:11: 'repairs' must be an integer from 1 to 1000, not 1001"},
        {"[limits]\nrepairs = 4294967297", "2:11: 'repairs' must be an integer from 1 to 1000, not 4294967297"},
        {"[report]\nhistory_size = \"1MiB\"",
         "2:16: 'history_size' must be an integer from 65536 to 67108864, not a string"},
        {"[report]\nhistory_size = 65535", "2:16: 'history_size' must be an integer from 65536 to 67108864, not 65535"},
        {"[report]\nhistory_size = 67108865",
         "2:16: 'history_size' must be an integer from 65536 to 67108864, not 67108865"},
        {"[report]\nhistory_size = -9223372036854775808",
         "2:16: 'history_size' must be an integer from 65536 to 67108864, not -9223372036854775808"},
        {"[limits]\nper = \"99ms\"", "2:7: 'per' must be from 100ms to 24h, not 99ms"},
        {"[limits]\nbackoff = \"0s\"", "2:11: 'backoff' must be from 100ms to 24h, not 0s"},
        {"[limits]\nbackoff_max = \"25h\"", "2:15: 'backoff_max' must be from 100ms to 24h, not 25h"},
    });
    CHECK(refusal("[limits]\nrepairs = 9223372036854775808").starts_with("p.toml:2:"));
    CHECK(accepted("[limits]\nrepairs = 1").limits.repairs == 1);
    CHECK(accepted("[limits]\nrepairs = 1000").limits.repairs == 1000);
    CHECK(accepted("[report]\nhistory_size = 67108864").report.history_size == 67108864);
    CHECK(accepted("[limits]\nper = \"100ms\"").limits.per == 100ms);
    CHECK(accepted("[limits]\nbackoff = \"24h\"\nbackoff_max = \"24h\"").limits.backoff == 24h);
}

TEST_CASE("units are services, with the suffix or without")
{
    CHECK(accepted("[kubelet]\nunits = [\"kubelet.service\", \"k3s\"]").kubelet.units ==
          std::vector<std::string>{"kubelet", "k3s"});
    CHECK(accepted("[repair]\ndisruptors = [\"a@b.service\", 'my\\x2dfirewall', \"ABC:09_.-\"]").repair.disruptors ==
          std::vector<std::string>{"a@b", R"(my\x2dfirewall)", "ABC:09_.-"});
    const auto longest = std::string(247, 'a');
    CHECK(accepted(fmt::format("[kubelet]\nunits = [\"{}.service\"]", longest)).kubelet.units ==
          std::vector<std::string>{longest});
}

TEST_CASE("what is no service, or stands there twice, is refused")
{
    const auto too_long = std::string(248, 'a');
    const std::string characters = R"(: these have letters, digits and :-_.\@ only)";
    check_refused({
        {"[kubelet]\nunits = []", "2:9: 'units' is empty: name at least one unit"},
        {"[kubelet]\nunits = \"kubelet\"",
         R"(2:9: 'units' must be an array of names, such as ["iptables", "ufw"], not a string)"},
        {"[kubelet]\nunits = [\"kubelet\", 1]", "2:21: the name of a unit must be a string, not an integer"},
        {"[kubelet]\nunits = [\"\"]",
         R"(2:10: a unit's name is missing here: write the name of a service, such as "iptables")"},
        {"[repair]\ndisruptors = [\".service\"]",
         R"(2:15: a unit's name is missing here: write the name of a service, such as "iptables")"},
        {"[kubelet]\nunits = [\"a\", \"b\", \"a\"]", "2:20: 'a' stands here twice"},
        {"[kubelet]\nunits = [\"a\", \"a.service\"]", "2:15: 'a.service' stands here twice"},
        {"[kubelet]\nunits = [\"a b\"]", "2:10: 'a b' is not the name of a unit" + characters},
        {"[kubelet]\nunits = [\"../a\"]", "2:10: '../a' is not the name of a unit" + characters},
        {"[kubelet]\nunits = [\"a*\"]", "2:10: 'a*' is not the name of a unit" + characters},
        {"[kubelet]\nunits = [\"a\\u0000b\"]", "2:10: 'a?b' is not the name of a unit" + characters},
        {"[kubelet]\nunits = [\"k\\u00fcbelet\"]", "2:10: 'kübelet' is not the name of a unit" + characters},
        {"[repair]\ndisruptors = [\"ufw.timer\"]", "2:15: 'ufw.timer' is not a service"},
        {"[repair]\ndisruptors = [\"network.target\"]", "2:15: 'network.target' is not a service"},
        {"[repair]\ndisruptors = [\"firewall@\"]",
         R"(2:15: 'firewall@' is no service that can run: write template and instance, such as "kubelet@one")"},
        {"[repair]\ndisruptors = [\"@one.service\"]",
         R"(2:15: '@one' is no service that can run: write template and instance, such as "kubelet@one")"},
        {fmt::format("[kubelet]\nunits = [\"{}\"]", too_long),
         fmt::format("2:10: '{}…' is longer than the name of a unit can be", too_long.substr(0, 64))},
    });
}

TEST_CASE("there can be many units, but not any number")
{
    std::vector<std::string> names;
    names.reserve(65);
    for (int number = 0; number < 64; ++number)
        names.push_back(fmt::format(R"("u{}")", number));
    CHECK(accepted(fmt::format("[repair]\ndisruptors = [{}]", fmt::join(names, ", "))).repair.disruptors.size() == 64);
    names.emplace_back(R"("one-more")");
    check_refused({{fmt::format("[repair]\ndisruptors = [{}]", fmt::join(names, ", ")),
                    "2:14: 'disruptors' names 65 units; 64 are the most"}});
}

TEST_CASE("what is no name of a module, or stands there twice, is refused; '-' and '_' are the same")
{
    const auto longest = std::string(64, 'a');
    CHECK(accepted(fmt::format("[doctor]\nrequired_modules = [\"{}\"]", longest)).doctor.required_modules ==
          std::vector<std::string>{longest});
    const std::string characters = R"( is not the name of a module: these have letters, digits, "-" and "_" only, 64 )"
                                   "at the most";
    check_refused({
        {"[doctor]\nrequired_modules = \"ip_vs\"",
         R"(2:20: 'required_modules' must be an array of names, such as ["ip_vs", "ip_vs_rr"], not a string)"},
        {"[doctor]\nrequired_modules = [\"ip_vs\", 1]", "2:30: the name of a module must be a string, not an integer"},
        {"[doctor]\nrequired_modules = [\"\"]", "2:21: ''" + characters},
        {"[doctor]\nrequired_modules = [\"ip_vs.ko\"]", "2:21: 'ip_vs.ko'" + characters},
        {"[doctor]\nrequired_modules = [\"../a\"]", "2:21: '../a'" + characters},
        {"[doctor]\nrequired_modules = [\"a b\"]", "2:21: 'a b'" + characters},
        {fmt::format("[doctor]\nrequired_modules = [\"{}a\"]", longest),
         fmt::format("2:21: '{}…'", longest) + characters},
        {"[doctor]\nrequired_modules = [\"ip_vs\", \"ip-vs\"]", "2:30: 'ip-vs' stands here twice"},
    });
}

TEST_CASE("there can be many modules, but not any number")
{
    std::vector<std::string> names;
    names.reserve(65);
    for (int number = 0; number < 64; ++number)
        names.push_back(fmt::format(R"("m{}")", number));
    const auto policy = accepted(fmt::format("[doctor]\nrequired_modules = [{}]", fmt::join(names, ", ")));
    CHECK(policy.doctor.required_modules.size() == 64);
    names.emplace_back(R"("one-more")");
    check_refused({{fmt::format("[doctor]\nrequired_modules = [{}]", fmt::join(names, ", ")),
                    "2:20: 'required_modules' names 65 modules; 64 are the most"}});
}

TEST_CASE("the longest backoff is not shorter than the first")
{
    check_refused({
        {"[limits]\nbackoff = \"2h\"", "2:1: 'backoff_max' (1h) must not be shorter than 'backoff' (2h)"},
        {"[limits]\nbackoff_max = \"30s\"", "2:1: 'backoff_max' (30s) must not be shorter than 'backoff' (1m)"},
        {"[limits]\nbackoff_max = \"1s\"\nbackoff = \"2s\"",
         "3:1: 'backoff_max' (1s) must not be shorter than 'backoff' (2s)"},
    });
    CHECK(accepted("[limits]\nbackoff = \"1h\"").limits.backoff == 1h);
}

TEST_CASE("the settle deadline is not shorter than what it is the deadline of")
{
    check_refused({
        {"[repair]\nsettle = \"2s\"\nsettle_deadline = \"1s\"",
         "3:1: 'settle_deadline' (1s) must not be shorter than 'settle' (2s)"},
        {"[repair]\nsettle_deadline = \"1s\"\nsettle = \"2s\"",
         "3:1: 'settle_deadline' (1s) must not be shorter than 'settle' (2s)"},
        {"[repair]\nsettle = \"11s\"", "2:1: 'settle_deadline' (10s) must not be shorter than 'settle' (11s)"},
        {"[repair]\nsettle_deadline = \"499ms\"",
         "2:1: 'settle_deadline' (499ms) must not be shorter than 'settle' (500ms)"},
    });
    CHECK(accepted("[repair]\nsettle = \"10s\"").repair.settle == 10s);
    CHECK(accepted("[repair]\nsettle = \"0s\"\nsettle_deadline = \"0s\"").repair.settle_deadline == 0s);
}

}  // namespace chainkeeper::policies
