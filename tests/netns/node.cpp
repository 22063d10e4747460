// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/node.hpp"

#include "policies/profile.hpp"
#include "repair/diagnose.hpp"
#include "repair/legacy/backend.hpp"
#include "repair/nft/backend.hpp"
#include "tests/netns/await.hpp"
#include "tests/netns/process.hpp"
#include "tests/support/command.hpp"
#include "tests/support/failures.hpp"
#include "tests/support/kubelet.hpp"
#include "tests/support/ruleset.hpp"

#include <cerrno>
#include <cstdlib>
#include <doctest/doctest.h>
#include <exception>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace chainkeeper::tests {

using repair::Family;

namespace {

std::filesystem::path make_folder()
{
    auto path = (std::filesystem::temp_directory_path() / "chainkeeper-netns.XXXXXX").string();
    if (mkdtemp(path.data()) == nullptr)
        throw std::system_error{errno, std::generic_category(), path};
    // Plain users run programs from there.
    std::filesystem::permissions(path, std::filesystem::perms{0755});
    return path;
}

std::vector<repair::DesiredState> guarded_by(unsigned kubelet_minor)
{
    const auto profile = policies::profile_for({.major = 1, .minor = kubelet_minor});
    if (!profile)
        throw std::runtime_error{profile.error()};
    return {profile->ipv4, profile->ipv6};
}

template <typename Implementation>
std::unique_ptr<repair::Backend> opened_as()
{
    auto backend = Implementation::open();
    if (!backend)
        throw std::runtime_error{backend.error().what};
    return *std::move(backend);
}

std::unique_ptr<repair::Backend> opened(IptablesBackend backend)
{
    return backend == IptablesBackend::nft ? opened_as<repair::nft::NftBackend>()
                                           : opened_as<repair::legacy::LegacyBackend>();
}

void show_logs(const std::filesystem::path& folder)
{
    for (const auto& entry : std::filesystem::directory_iterator{folder})
        if (entry.path().extension() == ".log")
            fmt::print("---- {}\n{}----\n", entry.path().filename().string(), text_of(entry.path()));
    std::fflush(stdout);
}

}  // namespace

Node::Node(unsigned kubelet_minor, IptablesBackend backend)
    : iptables_{backend}, programs_{backend}, kubelet_minor_{kubelet_minor}, folder_{make_folder()},
      guarded_{guarded_by(kubelet_minor)}, backend_{opened(backend)}
{
}

Node::~Node()
{
    if (case_has_failed() || std::uncaught_exceptions() > 0)
        show_logs(folder_);
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

const repair::DesiredState& Node::guarded(Family family) const
{
    return guarded_.at(family == Family::ipv4 ? 0 : 1);
}

repair::Diagnosis Node::examine(Family family)
{
    const auto snapshot = backend_->observe(guarded(family));
    if (!snapshot)
        throw std::runtime_error{snapshot.error().what};
    return repair::diagnose(guarded(family), *snapshot);
}

void Node::await_healthy(Family family)
{
    await(fmt::format("{} was healthy", to_string(family)), [&] { return examine(family).healthy(); });
}

void Node::await_healthy()
{
    for (const auto family : repair::all_families)
        await_healthy(family);
}

Family each_family()
{
    auto family = Family::ipv4;
    SUBCASE("ipv4")
    {
        family = Family::ipv4;
    }
    SUBCASE("ipv6")
    {
        family = Family::ipv6;
    }
    return family;
}

Place each_place()
{
    Place place{.iptables = IptablesBackend::nft, .family = Family::ipv4};
    SUBCASE("nft, ipv4") {}
    SUBCASE("nft, ipv6")
    {
        place.family = Family::ipv6;
    }
    SUBCASE("legacy, ipv4")
    {
        place.iptables = IptablesBackend::legacy;
    }
    SUBCASE("legacy, ipv6")
    {
        place = {.iptables = IptablesBackend::legacy, .family = Family::ipv6};
    }
    return place;
}

IptablesBackend each_backend()
{
    auto backend = IptablesBackend::nft;
    SUBCASE("nft") {}
    SUBCASE("legacy")
    {
        backend = IptablesBackend::legacy;
    }
    return backend;
}

std::string kubelet_lines(Family family)
{
    std::string lines;
    std::istringstream text{saved(family)};
    for (std::string line; std::getline(text, line);)
        if (line.find("KUBE-") != std::string::npos)
            lines += line + '\n';
    return lines;
}

void check_as_before(const Node& node, Family family, const std::string& before)
{
    CHECK(kubelet_lines(family) == before);
    CHECK(fmt::format("{}", fmt::join(missed_by_kubelet(node.kubelet_minor(), family), "\n")).empty());
}

void run_all(Family family, const std::vector<std::vector<std::string>>& arguments)
{
    for (const auto& each : arguments) {
        std::vector<std::string> command{iptables(family)};
        command.insert(command.end(), each.begin(), each.end());
        must_run(command);
    }
}

void flush_filter(Family family)
{
    run_all(family, {{"-F"}, {"-X"}});
}

void flush(Family family)
{
    if (iptables_in_use() == IptablesBackend::legacy)
        return restore(family, "*nat\n-F\n-X\nCOMMIT\n*mangle\n-F\n-X\nCOMMIT\n*filter\n-F\n-X\nCOMMIT\n");
    nft_script(family == Family::ipv4 ? "flush ruleset ip" : "flush ruleset ip6");
}

void flush_everything()
{
    if (iptables_in_use() == IptablesBackend::nft)
        return nft_script("flush ruleset");
    for (const auto family : repair::all_families)
        flush(family);
}

std::string whole_ruleset()
{
    return nft_ruleset() + saved(Family::ipv4) + saved(Family::ipv6);
}

}  // namespace chainkeeper::tests
