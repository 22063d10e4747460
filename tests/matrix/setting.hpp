// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/backend.hpp"
#include "repair/desired.hpp"
#include "tests/support/iptables.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace chainkeeper::tests {

// A backend of ours, and the programs that write and read the same ruleset.
struct BackendUnderTest {
    IptablesBackend iptables;
    // In the network namespace of the calling thread.
    std::unique_ptr<repair::Backend> (*open)();
};

const std::vector<BackendUnderTest>& backends_under_test();

struct Setting {
    const BackendUnderTest& backend;
    unsigned minor;  // of the kubelet
    const repair::DesiredState& desired;
};

// Calls `examine_one` for every backend, every version at which kubelet changed and each family, in a network namespace
// of its own.
void for_each_setting(const std::function<void(const Setting&)>& examine_one);

// What an assertion about a list compares, so that it shows what is in it.
std::string one_a_line(const std::vector<std::string>& list);

}  // namespace chainkeeper::tests
