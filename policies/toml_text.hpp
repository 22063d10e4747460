// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::policies {

// Values as TOML writes them: "word" with what must be escaped, true, ["one", "two"].
std::string toml_string(std::string_view word);
std::string toml_boolean(bool value);
std::string toml_array(const std::vector<std::string>& words);

}  // namespace chainkeeper::policies
