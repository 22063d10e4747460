// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace chainkeeper::daemon {

// Reads JSON that another program wrote, perhaps of another version: what is not there, or is of another type, is null,
// "", 0, false or an empty array. Nothing is thrown.
const nlohmann::json& member(const nlohmann::json& object, std::string_view name);
const nlohmann::json& array_member(const nlohmann::json& object, std::string_view name);
std::string text_member(const nlohmann::json& object, std::string_view name);
std::uint64_t count_member(const nlohmann::json& object, std::string_view name);
bool flag_member(const nlohmann::json& object, std::string_view name);

}  // namespace chainkeeper::daemon
