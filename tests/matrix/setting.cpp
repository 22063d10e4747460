// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/matrix/setting.hpp"

#include "policies/profile.hpp"
#include "repair/legacy/backend.hpp"
#include "repair/nft/backend.hpp"
#include "tests/support/network_namespace.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <stdexcept>

namespace chainkeeper::tests {

using repair::all_families;

namespace {

template <typename Implementation>
std::unique_ptr<repair::Backend> opened()
{
    auto backend = Implementation::open();
    if (!backend)
        throw std::runtime_error{backend.error().what};
    return *std::move(backend);
}

void for_each_setting_of(const BackendUnderTest& backend, const std::function<void(const Setting&)>& examine_one)
{
    for (const auto& profile : policies::profiles())
        for (const auto family : all_families) {
            CAPTURE(to_string(backend.iptables));
            CAPTURE(profile.since.minor);
            CAPTURE(to_string(family));
            const NetworkNamespace network_namespace;
            examine_one({.backend = backend, .minor = profile.since.minor, .desired = profile.of(family)});
        }
}

}  // namespace

const std::vector<BackendUnderTest>& backends_under_test()
{
    static const std::vector<BackendUnderTest> all{
        {.iptables = IptablesBackend::nft, .open = opened<repair::nft::NftBackend>},
        {.iptables = IptablesBackend::legacy, .open = opened<repair::legacy::LegacyBackend>},
    };
    return all;
}

void for_each_setting(const std::function<void(const Setting&)>& examine_one)
{
    REQUIRE(policies::profiles().size() == 3);
    for (const auto& backend : backends_under_test())
        for_each_setting_of(backend, examine_one);
}

std::string one_a_line(const std::vector<std::string>& list)
{
    return fmt::to_string(fmt::join(list, "\n"));
}

}  // namespace chainkeeper::tests
