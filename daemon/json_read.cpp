// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/json_read.hpp"

#include <nlohmann/json.hpp>

namespace chainkeeper::daemon {

using nlohmann::json;

const json& member(const json& object, std::string_view name)
{
    static const json null;
    if (!object.is_object())
        return null;
    const auto found = object.find(std::string{name});
    return found == object.end() ? null : *found;
}

const json& array_member(const json& object, std::string_view name)
{
    static const auto none = json::array();
    const auto& value = member(object, name);
    return value.is_array() ? value : none;
}

std::string text_member(const json& object, std::string_view name)
{
    const auto& value = member(object, name);
    return value.is_string() ? value.get<std::string>() : std::string{};
}

std::uint64_t count_member(const json& object, std::string_view name)
{
    const auto& value = member(object, name);
    const bool is_count = value.is_number_unsigned() || (value.is_number_integer() && value.get<std::int64_t>() >= 0);
    return is_count ? value.get<std::uint64_t>() : 0;
}

bool flag_member(const json& object, std::string_view name)
{
    const auto& value = member(object, name);
    return value.is_boolean() && value.get<bool>();
}

}  // namespace chainkeeper::daemon
