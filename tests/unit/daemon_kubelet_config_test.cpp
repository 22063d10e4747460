// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kubelet/kubelet_config.hpp"

#include <array>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fstream>
#include <random>
#include <sys/stat.h>
#include <unistd.h>

using namespace chainkeeper::daemon;
namespace fs = std::filesystem;

namespace {

constexpr auto real = R"(apiVersion: kubelet.config.k8s.io/v1beta1
authentication:
  anonymous:
    enabled: false
  x509:
    clientCAFile: /etc/kubernetes/pki/ca.crt
clusterDNS:
- 10.96.0.10
evictionHard: {memory.available: "100Mi", nodefs.available: 10%}
kind: KubeletConfiguration
makeIPTablesUtilChains: false
memorySwap: {}
)";

// A process as /proc shows it.
struct Process {
    explicit Process(const std::string& cmdline = {})
    {
        fs::remove_all(root);
        fs::create_directories(root / "42");
        fs::create_directories(root / "home");
        fs::create_directory_symlink(root / "home", root / "42" / "cwd");
        write(root / "42" / "cmdline", cmdline);
    }
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    Process(Process&&) = delete;
    Process& operator=(Process&&) = delete;
    ~Process() { fs::remove_all(root); }

    void write(const fs::path& path, const std::string& text) const
    {
        fs::create_directories((root / "home" / path).parent_path());
        std::ofstream{root / "home" / path} << text;
    }
    void runs(const std::vector<std::string>& words) const
    {
        std::string cmdline;
        for (const auto& word : words)
            cmdline.append(word).append(1, '\0');
        write(root / "42" / "cmdline", cmdline);
    }
    [[nodiscard]] KubeletOptOut opt_out() const { return read_opt_out(root, 42); }
    [[nodiscard]] std::string seen(const std::string& name) const { return (root / "42/cwd" / name).string(); }

    fs::path root = fs::temp_directory_path() / fmt::format("kubelet-config-{}", getpid());
};

}  // namespace

TEST_CASE("kubelet's configuration: the key in YAML and in JSON")
{
    CHECK(chains_key_in(real) == ChainsKey::off);
    CHECK(chains_key_in("makeIPTablesUtilChains: true") == ChainsKey::on);
    CHECK(chains_key_in("makeIPTablesUtilChains: no") == ChainsKey::off);
    CHECK(chains_key_in("makeIPTablesUtilChains:") == ChainsKey::null);
    CHECK(chains_key_in("makeIPTablesUtilChains: ~\nother: 1") == ChainsKey::null);
    CHECK(chains_key_in(R"({"kind": "KubeletConfiguration", "makeIPTablesUtilChains": false})") == ChainsKey::off);
    CHECK(chains_key_in("makeIPTablesUtilChains: true\nmakeIPTablesUtilChains: false") == ChainsKey::off);
    CHECK(chains_key_in("makeIPTablesUtilChains: false\n---\nmakeIPTablesUtilChains: true") == ChainsKey::off);
}

TEST_CASE("kubelet's configuration: the key elsewhere, or another key, is none")
{
    CHECK(chains_key_in("") == ChainsKey::absent);
    CHECK(chains_key_in("# makeIPTablesUtilChains: false\n") == ChainsKey::absent);
    CHECK(chains_key_in("a:\n  makeIPTablesUtilChains: false") == ChainsKey::absent);
    CHECK(chains_key_in("makeIptablesUtilChains: false") == ChainsKey::absent);
    CHECK(chains_key_in("a: |\n  makeIPTablesUtilChains: false") == ChainsKey::absent);
    CHECK(chains_key_in("a: makeIPTablesUtilChains\n[b, c]: false") == ChainsKey::absent);
}

TEST_CASE("kubelet's configuration: what cannot be read says why")
{
    const std::vector<std::pair<std::string, std::string>> texts{
        {"makeIPTablesUtilChains: maybe", "makeIPTablesUtilChains is neither true nor false"},
        {"makeIPTablesUtilChains: [false]", "makeIPTablesUtilChains is neither true nor false"},
        {"just words", "it is no mapping"},
        {"- a\n- b", "it is no mapping"},
        {"base: &b {makeIPTablesUtilChains: false}\n<<: *b", "it has a merge key (<<)"},
        {std::string(100'000, 'x'), "it is larger than 64 KiB"},
        {std::string(60'000, '['), "it is nested too deep"},
        {std::string(100'000, '['), "it is larger than 64 KiB"},
    };
    for (const auto& each : texts) {
        const auto& text = each.first;
        const auto& why = each.second;
        CAPTURE(why);
        CHECK(chains_key_in(text).error() == why);
    }
    for (const std::string text : {"a: b: c", "{", "a: \"b", "a: *nowhere", "\t- x\n\t\t: -", "\xff\xfe\xff: \x01"}) {
        CAPTURE(text);
        CHECK(chains_key_in(text).error().starts_with("it is no"));
    }
}

TEST_CASE("kubelet's configuration: depth is refused in any of YAML's forms, and real depth is not")
{
    const auto repeated = [](std::string_view text, std::size_t times) {
        std::string all;
        for (std::size_t i = 0; i < times; ++i)
            all += text;
        return all;
    };
    for (const auto* text : {"[", "{a: ", "- ", "? ", "[\n", "- [", " "}) {
        CAPTURE(text);
        CHECK(chains_key_in(repeated(text, 300)).error() == "it is nested too deep");
    }
    std::string staircase;
    for (std::size_t i = 0; i < 300; ++i)
        staircase += std::string(i, ' ') + "a:\n";
    CHECK(chains_key_in(staircase).error() == "it is nested too deep");
    CHECK(chains_key_in("a: " + repeated("[", 20) + repeated("]", 20)) == ChainsKey::absent);
    CHECK(chains_key_in(repeated("#[[[]\n", 10)) == ChainsKey::absent);
}

TEST_CASE("kubelet opts out: by its flag, which wins over its files")
{
    const Process process;
    process.write("off.yaml", real);
    process.runs({"kubelet", "--config=off.yaml", "--make-iptables-util-chains=true"});
    CHECK(process.opt_out() == KubeletOptOut{OptOut::no, "--make-iptables-util-chains=true on kubelet's command line"});
    process.runs({"kubelet", "--make-iptables-util-chains=F", "--config=/nonexistent"});
    CHECK(process.opt_out() == KubeletOptOut{OptOut::yes, "--make-iptables-util-chains=F on kubelet's command line"});
    process.runs({"kubelet", "--make-iptables-util-chains=never"});
    CHECK(process.opt_out() ==
          KubeletOptOut{OptOut::unknown,
                        "'--make-iptables-util-chains=never' on kubelet's command line is neither true nor false"});
}

TEST_CASE("kubelet opts out: by its file, relative to where it runs or absolute")
{
    const Process process;
    process.write("conf/off.yaml", real);
    process.runs({"/usr/bin/kubelet", "--config", "conf/off.yaml"});
    CHECK(process.opt_out() ==
          KubeletOptOut{OptOut::yes, "makeIPTablesUtilChains: false in " + process.seen("conf/off.yaml")});
    const auto absolute = (process.root / "home/conf/off.yaml").string();
    process.runs({"/usr/bin/kubelet", "--config", absolute});
    CHECK(process.opt_out() == KubeletOptOut{OptOut::yes, "makeIPTablesUtilChains: false in " + absolute});
    process.runs({"/usr/bin/kubelet"});
    CHECK(process.opt_out() == KubeletOptOut{OptOut::no, "makeIPTablesUtilChains is set nowhere"});
}

TEST_CASE("kubelet opts out: drop-ins are read after the file, by name, and only those that end in .conf")
{
    const Process process;
    process.write("base.yaml", "makeIPTablesUtilChains: true");
    process.write("d/20-b.conf", "makeIPTablesUtilChains: false");
    process.write("d/10-a.conf", "makeIPTablesUtilChains: true");
    process.write("d/30.yaml", "makeIPTablesUtilChains: true");
    process.write("d/30.conf~", "{");
    process.runs({"kubelet", "--config=base.yaml", "--config-dir=d"});
    CHECK(process.opt_out() ==
          KubeletOptOut{OptOut::yes, "makeIPTablesUtilChains: false in " + process.seen("d/20-b.conf")});
    process.write("d/25/z.conf", "makeIPTablesUtilChains: true");
    CHECK(process.opt_out() ==
          KubeletOptOut{OptOut::no, "makeIPTablesUtilChains: true in " + process.seen("d/25/z.conf")});
    process.write("d/26.conf", "makeIPTablesUtilChains: null");
    CHECK(process.opt_out() == KubeletOptOut{OptOut::no, "makeIPTablesUtilChains is set nowhere"});
    process.write("d/27.conf", "{");
    CHECK(process.opt_out().answer == OptOut::unknown);
    CHECK(process.opt_out().why.starts_with(process.seen("d/27.conf") + ": it is no YAML: "));
}

TEST_CASE("kubelet opts out: unknown where something cannot be read, never waiting for it")
{
    const Process process;
    const auto why = [&] {
        const auto opt_out = process.opt_out();
        CHECK(opt_out.answer == OptOut::unknown);
        return opt_out.why;
    };
    process.runs({"kubelet", "--config=missing"});
    CHECK(why() == process.seen("missing") + ": cannot be read: No such file or directory");
    process.runs({"kubelet", "--config-dir=missing"});
    CHECK(why() == process.seen("missing") + ": cannot be read: No such file or directory");
    REQUIRE(mkfifo((process.root / "home/pipe").c_str(), 0600) == 0);
    process.runs({"kubelet", "--config=pipe"});
    CHECK(why() == process.seen("pipe") + ": cannot be read: it is not a regular file");
    process.write("large", std::string(100'000, '['));
    process.runs({"kubelet", "--config=large"});
    CHECK(why() == process.seen("large") + ": it is larger than 64 KiB");
    process.runs({"/usr/local/bin/k3s server"});
    CHECK(why() == "kubelet's flags are not on the command line of '/usr/local/bin/k3s server'");
    process.runs({});
    CHECK(why() == "process 42 has no command line");
    CHECK(read_opt_out(process.root, 43).answer == OptOut::unknown);
    CHECK(read_opt_out("/proc", getpid()).answer == OptOut::no);
}

TEST_CASE("kubelet opts out: the reason can be printed, whatever the file is called")
{
    const Process process;
    process.runs({"kubelet", "--config=/\xff\x1b[31m\n" + std::string(5'000, 'x')});
    const auto opt_out = process.opt_out();
    CHECK(opt_out.answer == OptOut::unknown);
    CHECK(opt_out.why.starts_with("/??[31m?xxx"));
    CHECK(opt_out.why.size() == 512);
}

TEST_CASE("kubelet opts out: a directory of too many files is not walked through")
{
    const Process process;
    for (int i = 0; i < 300; ++i)
        process.write(fmt::format("d/{}.conf", i), "");
    process.runs({"kubelet", "--config-dir=d"});
    CHECK(process.opt_out() ==
          KubeletOptOut{OptOut::unknown, process.seen("d") + ": there are more than 256 entries in it"});
}

TEST_CASE("kubelet's configuration: mutations of a good one are read or refused")
{
    std::mt19937 random{20'240'103};
    const auto below = [&](std::size_t limit) {
        return std::uniform_int_distribution<std::size_t>{0, limit - 1}(random);
    };
    constexpr std::string_view marks = "[]{}:-?&*!|>'\"%@`#, \n\t<=~";
    std::array<unsigned, 2> outcomes{};
    for (int round = 0; round < 10'000; ++round) {
        std::string text = real;
        for (auto changes = 1 + below(6); changes > 0 && !text.empty(); --changes) {
            const auto at = below(text.size());
            switch (below(4)) {
            case 0: text[at] = static_cast<char>(below(256)); break;
            case 1: text[at] = marks[below(marks.size())]; break;
            case 2: text.erase(at, below(30)); break;
            default: text.insert(at, text.substr(below(text.size()), below(30))); break;
            }
        }
        const auto key = chains_key_in(text);
        ++outcomes.at(key ? 1 : 0);
        REQUIRE((key || !key.error().empty()));
    }
    CHECK(outcomes[0] > 1'000);
    CHECK(outcomes[1] > 1'000);
}
