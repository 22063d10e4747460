// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/error.hpp"
#include "repair/family.hpp"
#include "repair/iptables_variant.hpp"

#include <chrono>
#include <functional>
#include <string>

namespace chainkeeper::repair {

// The iptables programs of a machine.
struct Programs {
    std::function<bool(const std::string& name)> exists;
    // What it answers to --version; empty when it does not.
    std::function<std::string(const std::string& name)> version_of;
};
// Those of this machine. Asking one for its version blocks, for no longer than `deadline`.
Programs installed_programs(std::chrono::nanoseconds deadline);

// The restore program that writes where the variant's chains are: "ip6tables-nft-restore", or the plain one where that
// is of the same variant. A distribution with one variant alone may have no other name for it.
Result<std::string> restore_program(const Programs& programs, Family family, IptablesVariant variant);

}  // namespace chainkeeper::repair
