// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kubelet/journal_line.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <random>
#include <vector>

using namespace chainkeeper;
using namespace chainkeeper::daemon;

namespace {

using Kind = KubeletLine::Kind;
using repair::Family;

constexpr auto header = "I0101 12:00:00.000000    1234 kubelet_network_linux.go:63] ";

KubeletLine about(Kind kind, std::optional<Family> family)
{
    return {.kind = kind, .family = family, .version = {}};
}

KubeletLine version(const std::string& text)
{
    return {.kind = Kind::version, .family = std::nullopt, .version = text};
}

std::optional<KubeletLine> klog(const std::string& message)
{
    return kubelet_line_from_message(header + message);
}

std::optional<KubeletLine> json(const std::string& fields)
{
    return kubelet_line_from_message(
        fmt::format(R"({{"ts":1700000000000.5,"caller":"kubelet/kubelet_network_linux.go:63",{}}})", fields));
}

}  // namespace

TEST_CASE("kubelet's line: the lines of klog's text")
{
    CHECK(klog(R"("Initialized iptables rules." protocol="IPv4")") == about(Kind::initialised, Family::ipv4));
    CHECK(klog(R"("Initialized iptables rules." protocol="IPv6")") == about(Kind::initialised, Family::ipv6));
    CHECK(klog(R"("Failed to initialize iptables rules; some functionality may be missing." protocol="IPv4")") ==
          about(Kind::init_failed, Family::ipv4));
    CHECK(klog(R"("No iptables support on this system; not creating the KUBE-IPTABLES-HINT chain")") ==
          about(Kind::no_iptables, std::nullopt));
    CHECK(klog(R"("No iptables support on this system; not creating the KUBE-IPTABLES-HINT chain" protocol="IPv6")") ==
          about(Kind::no_iptables, Family::ipv6));
    CHECK(klog(R"("Kubelet version" kubeletVersion="v1.34.2")") == version("v1.34.2"));
    CHECK(klog(R"("Kubelet version" kubeletVersion="v1.30.1+k3s1")") == version("v1.30.1+k3s1"));
}

TEST_CASE("kubelet's line: kubelet up to 1.24 puts no quotes around the protocol, a named logger adds a field")
{
    CHECK(klog(R"("Initialized iptables rules." protocol=IPv4)") == about(Kind::initialised, Family::ipv4));
    CHECK(klog(R"("Initialized iptables rules." logger="kubelet \"one\"" protocol="IPv6" more=1)") ==
          about(Kind::initialised, Family::ipv6));
}

TEST_CASE("kubelet's line: any severity, thread and file")
{
    CHECK(kubelet_line_from_message(
        R"(E1231 23:59:59.999999       1 a/b.go:1] "Initialized iptables rules." protocol="IPv4")"));
    CHECK(kubelet_line_from_message(
        R"(W1231 23:59:59.999999 4194304 x.go:12345] "Initialized iptables rules." protocol="IPv4")"));
}

TEST_CASE("kubelet's line: the lines of klog's JSON")
{
    CHECK(json(R"("msg":"Initialized iptables rules.","protocol":"IPv4","v":0)") ==
          about(Kind::initialised, Family::ipv4));
    CHECK(
        json(R"("msg":"Failed to initialize iptables rules; some functionality may be missing.","protocol":"IPv6")") ==
        about(Kind::init_failed, Family::ipv6));
    CHECK(json(R"("msg":"No iptables support on this system; not creating the KUBE-IPTABLES-HINT chain","v":0)") ==
          about(Kind::no_iptables, std::nullopt));
    CHECK(json(R"("msg":"Kubelet version","v":0,"kubeletVersion":"v1.34.2")") == version("v1.34.2"));
}

TEST_CASE("kubelet's line: as k0s wraps it")
{
    constexpr auto wrapped = R"(time="2024-07-08 08:46:26" level=info msg="I0708 08:46:26.112550    1814 )"
                             R"(kubelet_network_linux.go:50] \"Initialized iptables rules.\" protocol=\"IPv4\"" )"
                             R"(component={} stream=stderr)";
    CHECK(kubelet_line_from_message(fmt::format(wrapped, "kubelet")) == about(Kind::initialised, Family::ipv4));
    CHECK_FALSE(kubelet_line_from_message(fmt::format(wrapped, "kube-router")));
    CHECK_FALSE(kubelet_line_from_message(R"(time="x" msg="I0708 \xff" component=kubelet)"));
}

TEST_CASE("kubelet's line: what merely holds the words is somebody else's")
{
    const std::vector<std::string> lines{
        R"("Initialized iptables rules." protocol="IPv4")",
        std::string{header} + R"(Initialized iptables rules. protocol="IPv4")",
        std::string{header} + R"("Pod failed" err="\"Initialized iptables rules.\" protocol=\"IPv4\"")",
        std::string{header} + R"("Pod failed" pod="Initialized iptables rules." protocol="IPv4")",
        std::string{header} + R"("Pod failed" err="x] \"Initialized iptables rules.\"" protocol="IPv4")",
        std::string{header} + R"("x" "Initialized iptables rules." protocol="IPv4")",
        std::string{header} + R"("Initialized iptables rules. " protocol="IPv4")",
        std::string{header} + R"("Initialized iptables rules.\" protocol="IPv4")",
        " " + std::string{header} + R"("Initialized iptables rules." protocol="IPv4")",
        R"(kubelet: I0101 12:00:00.000000    1234 x.go:63] "Initialized iptables rules." protocol="IPv4")",
        R"(X0101 12:00:00.000000    1234 x.go:63] "Initialized iptables rules." protocol="IPv4")",
        R"(I0101 12:00:00    1234 x.go:63] "Initialized iptables rules." protocol="IPv4")",
        R"(I0101 12:00:00.000000    1234 x.go] "Initialized iptables rules." protocol="IPv4")",
        R"(I0101 12:00:00.000000    1234 ] "Initialized iptables rules." protocol="IPv4")",
        R"(I0101 12:00:00.000000    1234 a b.go:63] "Initialized iptables rules." protocol="IPv4")",
        R"({"msg":"Initialized iptables rules.","protocol":"IPv4"})",
        R"({"ts":1,"caller":"x","err":{"msg":"Initialized iptables rules.","protocol":"IPv4"}})",
        R"([{"ts":1,"caller":"x","msg":"Initialized iptables rules.","protocol":"IPv4"}])",
        R"(time="x" level=info msg="I0708 08:46:26.112550    1814 a.go:1] \"x\" err=\"component=kubelet\"" component=etcd)",
    };
    for (const auto& line : lines) {
        CAPTURE(line);
        CHECK_FALSE(kubelet_line_from_message(line));
    }
}

TEST_CASE("kubelet's line: a protocol that is missing, unknown or inside of another value is none")
{
    CHECK_FALSE(klog(R"("Initialized iptables rules.")"));
    CHECK_FALSE(klog(R"("Initialized iptables rules." protocol="IPv5")"));
    CHECK_FALSE(klog(R"("Initialized iptables rules." protocol="IPv4)"));
    CHECK_FALSE(klog(R"("Initialized iptables rules." protocol)"));
    CHECK_FALSE(klog(R"("Initialized iptables rules."protocol="IPv4")"));
    CHECK_FALSE(klog(R"("Initialized iptables rules." xprotocol="IPv4")"));
    CHECK_FALSE(klog(R"("Initialized iptables rules." err="a protocol=\"IPv4\" b")"));
    CHECK_FALSE(json(R"("msg":"Initialized iptables rules.","protocol":4)"));
    CHECK_FALSE(json(R"("msg":"Initialized iptables rules.","protocol":["IPv4"])"));
    CHECK_FALSE(json(R"("msg":7,"protocol":"IPv4")"));
}

TEST_CASE("kubelet's line: only what looks like a version is one")
{
    for (const auto* text :
         {"", "v1", "1.x", "latest", "v1.34.2 ", "v1.34.2\\n", "../../etc/passwd", "v1.34.2-\\x1b[31m"}) {
        CAPTURE(text);
        CHECK_FALSE(klog(fmt::format(R"("Kubelet version" kubeletVersion="{}")", text)));
        CHECK_FALSE(json(fmt::format(R"("msg":"Kubelet version","kubeletVersion":"{}")", text)));
    }
    CHECK_FALSE(klog(R"("Kubelet version")"));
    CHECK(klog(fmt::format(R"("Kubelet version" kubeletVersion="1.34.2+{}")", std::string(57, 'a'))));
    CHECK_FALSE(klog(fmt::format(R"("Kubelet version" kubeletVersion="1.34.2+{}")", std::string(58, 'a'))));
}

TEST_CASE("kubelet's line: garbage, halves and hugeness are no lines")
{
    CHECK_FALSE(kubelet_line_from_message(""));
    CHECK_FALSE(kubelet_line_from_message("\xff\xfe\0\x80"));
    CHECK_FALSE(kubelet_line_from_message("{"));
    CHECK_FALSE(kubelet_line_from_message(std::string(100'000, '{')));
    CHECK_FALSE(kubelet_line_from_message("{\"ts\":" + std::string(4000, '[')));
    CHECK_FALSE(klog("\"" + std::string(4000, '\\')));
    CHECK_FALSE(klog(R"("Initialized iptables rules." x=)" + std::string(100'000, 'y') + R"( protocol="IPv4")"));
    CHECK_FALSE(json("\"msg\":\"Initialized iptables rules.\",\"protocol\":\"IPv4\",\"x\":\"\xff\""));
    const auto whole = std::string{header} + R"("Initialized iptables rules." protocol="IPv4")";
    for (std::size_t size = 0; size < whole.size(); ++size)
        CHECK_FALSE(kubelet_line_from_message(whole.substr(0, size)));
}

TEST_CASE("kubelet's line: mutations of good lines end in a line or in none")
{
    const std::vector<std::string> seeds{
        std::string{header} + R"("Initialized iptables rules." protocol="IPv4")",
        std::string{header} + R"("Kubelet version" kubeletVersion="v1.34.2")",
        R"({"ts":1.5,"caller":"x.go:1","msg":"Kubelet version","kubeletVersion":"v1.34.2","v":0})",
        R"(time="x" level=info msg="I0708 08:46:26.112550    1814 a.go:1] \"Kubelet version\" kubeletVersion=\"v1.34.2\"" component=kubelet)",
    };
    std::mt19937 random{20'240'101};
    const auto below = [&](std::size_t limit) {
        return std::uniform_int_distribution<std::size_t>{0, limit - 1}(random);
    };
    unsigned lines = 0;
    for (int round = 0; round < 40'000; ++round) {
        auto text = seeds[below(seeds.size())];
        for (auto changes = below(3); changes > 0 && !text.empty(); --changes) {
            const auto at = below(text.size());
            switch (below(3)) {
            case 0: text[at] = static_cast<char>(below(256)); break;
            case 1: text.erase(at, below(8)); break;
            default: text.insert(at, text.substr(below(text.size()), below(12))); break;
            }
        }
        const auto line = kubelet_line_from_message(text);
        if (!line)
            continue;
        ++lines;
        const bool is_whole = line->kind == Kind::version ? line->version.size() >= 3 && line->version.size() <= 64
                                                          : line->family.has_value();
        CAPTURE(text);
        REQUIRE(is_whole);
    }
    CHECK(lines > 10'000);
}
