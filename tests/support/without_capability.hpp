// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <string>

namespace chainkeeper::tests {

// What `action` has to say in a child process without that capability (CAP_*). Throws std::runtime_error where the
// child said nothing.
std::string without_capability(unsigned capability, const std::function<std::string()>& action);

}  // namespace chainkeeper::tests
