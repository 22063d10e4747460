// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kubelet/kubelet_flags.hpp"

#include <doctest/doctest.h>
#include <random>

using namespace chainkeeper::daemon;

namespace {

using Words = std::vector<std::string>;

KubeletFlags kubelet(Words words)
{
    words.insert(words.begin(), "/usr/bin/kubelet");
    return kubelet_flags(words);
}

KubeletFlags k3s(Words words)
{
    words.insert(words.begin(), {"/usr/local/bin/k3s", "server"});
    return kubelet_flags(words);
}

}  // namespace

TEST_CASE("kubelet's flags: the chains")
{
    CHECK(kubelet({}) == KubeletFlags{});
    CHECK(kubelet({"--make-iptables-util-chains"}).make_chains == "true");
    CHECK(kubelet({"--make-iptables-util-chains=false"}).make_chains == "false");
    CHECK(kubelet({"--make_iptables_util_chains=0"}).make_chains == "0");
    CHECK(kubelet({"--v=2", "--make-iptables-util-chains=false", "--make-iptables-util-chains"}).make_chains == "true");
    // pflag: the value of a bool is never the next word.
    CHECK(kubelet({"--make-iptables-util-chains", "false"}).make_chains == "true");
}

TEST_CASE("kubelet's flags: the files, with the value in the same word or in the next")
{
    CHECK(kubelet({"--config=/a", "--config-dir=/b"}) ==
          KubeletFlags{.make_chains = {}, .config = "/a", .config_dir = "/b"});
    CHECK(kubelet({"--config", "/a", "--config_dir", "/b"}) ==
          KubeletFlags{.make_chains = {}, .config = "/a", .config_dir = "/b"});
    CHECK(kubelet({"--config=/a", "--config", "/c"}).config == "/c");
    CHECK(kubelet({"--config", "--make-iptables-util-chains=false"}) ==
          KubeletFlags{.make_chains = {}, .config = "--make-iptables-util-chains=false", .config_dir = {}});
    CHECK(kubelet({"--config=/a=b"}).config == "/a=b");
    CHECK(kubelet({"--config"}).config.empty());
}

TEST_CASE("kubelet's flags: what only looks like one is none")
{
    for (const auto* word : {"-config=/a", "-make-iptables-util-chains=false", "make-iptables-util-chains=false",
                             "--make-iptables-util-chains-x=false", "--xconfig=/a", "---config=/a",
                             "--kubelet-arg=config=/a", "--", "--=", "-", ""}) {
        CAPTURE(word);
        CHECK(kubelet({word}) == KubeletFlags{});
    }
    CHECK(kubelet({"--", "--make-iptables-util-chains=false"}) == KubeletFlags{});
    CHECK(kubelet_flags({}) == KubeletFlags{});
    CHECK(kubelet_flags({"--make-iptables-util-chains=false"}) == KubeletFlags{});
}

TEST_CASE("kubelet's flags: of k3s and rke2, what they hand on")
{
    CHECK(k3s({"--kubelet-arg=make-iptables-util-chains=false"}).make_chains == "false");
    CHECK(k3s({"--kubelet-arg", "make-iptables-util-chains=false", "--kubelet-arg", "config=/a"}) ==
          KubeletFlags{.make_chains = "false", .config = "/a", .config_dir = {}});
    CHECK(k3s({"-kubelet-arg=--config-dir=/b"}).config_dir == "/b");
    CHECK(k3s({"--kubelet-arg=make-iptables-util-chains"}).make_chains == "true");
    CHECK(k3s({"--config=/etc/rancher/k3s/config.yaml", "--make-iptables-util-chains=false"}) == KubeletFlags{});
    CHECK(k3s({"--kubelet-arg"}) == KubeletFlags{});
    CHECK(kubelet_flags({"rke2", "agent", "--kubelet-arg=config=/c"}).config == "/c");
}

TEST_CASE("kubelet's flags: those that stand elsewhere are not looked for")
{
    CHECK(kubelet_flags({"/usr/local/bin/k0s", "worker", "--config=/a"}) ==
          KubeletFlags{.make_chains = {}, .config = {}, .config_dir = {}, .hidden = true});
    CHECK(kubelet_flags({"/snap/microk8s/1/kubelite", "--kubelet-args-file=/a"}).hidden);
    CHECK(kubelet_flags({"/usr/local/bin/k3s server"}).hidden);
    CHECK(kubelet_flags({"/usr/local/bin/rke2"}).hidden);
    CHECK_FALSE(kubelet_flags({"/usr/local/bin/k3s", "server"}).hidden);
    CHECK_FALSE(kubelet_flags({"/usr/bin/kubelet"}).hidden);
}

TEST_CASE("kubelet's flags: a command line of /proc")
{
    using namespace std::string_view_literals;
    CHECK(arguments_of(""sv).empty());
    CHECK(arguments_of("\0\0\0"sv).empty());
    CHECK(arguments_of("kubelet\0--a\0\0--b=c\0"sv) == Words{"kubelet", "--a", "", "--b=c"});
    CHECK(arguments_of("kubelet\0--a"sv) == Words{"kubelet", "--a"});
    CHECK(arguments_of("k3s server\0\0\0\0"sv) == Words{"k3s server"});
}

TEST_CASE("kubelet's flags: Go's words for true and false, and no others")
{
    for (const auto* word : {"1", "t", "T", "true", "TRUE", "True"})
        CHECK(go_bool(word) == true);
    for (const auto* word : {"0", "f", "F", "false", "FALSE", "False"})
        CHECK(go_bool(word) == false);
    for (const auto* word : {"", "yes", "no", "on", "off", "tRUE", "2", " true", "true ", "y"})
        CHECK_FALSE(go_bool(word).has_value());
}

TEST_CASE("kubelet's flags: mutations of command lines are read to their end")
{
    const std::string seed{"kubelet\0--config\0/a\0--make-iptables-util-chains=false\0--config-dir=/b\0--v=2\0", 74};
    const std::string other{"/x/k3s\0server\0--kubelet-arg\0make-iptables-util-chains=false\0-kubelet-arg=config=/a\0",
                            82};
    std::mt19937 random{20'240'102};
    const auto below = [&](std::size_t limit) {
        return std::uniform_int_distribution<std::size_t>{0, limit - 1}(random);
    };
    unsigned opted_out = 0;
    for (int round = 0; round < 30'000; ++round) {
        auto text = below(2) == 0 ? seed : other;
        for (auto changes = below(5); changes > 0 && !text.empty(); --changes) {
            const auto at = below(text.size());
            if (below(2) == 0)
                text[at] = below(2) == 0 ? '\0' : static_cast<char>(below(256));
            else
                text.erase(at, below(20));
        }
        const auto flags = kubelet_flags(arguments_of(text));
        REQUIRE(flags.make_chains.size() + flags.config.size() + flags.config_dir.size() <= text.size());
        opted_out += flags.make_chains == "false" ? 1 : 0;
    }
    CHECK(opted_out > 5'000);
    CHECK(opted_out < 30'000);
}
