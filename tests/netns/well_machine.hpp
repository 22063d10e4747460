// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "tests/netns/node.hpp"
#include "tests/support/command.hpp"
#include "tests/support/temporary_directory.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace chainkeeper::tests {

// What a node's disk has on it that this machine's may lack: the kernel's list of modules, the programs that kubelet
// and network plugins run, a network configuration. It is laid over this machine's root, for the programs that it runs
// alone.
class WellMachine {
public:
    WellMachine();

    // As the root of an image.
    [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }
    // `chainkeeper` with these arguments.
    [[nodiscard]] CommandResult chainkeeper(const Node& node, const std::vector<std::string>& arguments) const;

private:
    TemporaryDirectory folder_;
};

}  // namespace chainkeeper::tests
