// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/hold.hpp"

#include "daemon/json_read.hpp"
#include "daemon/utc_time.hpp"
#include "repair/printable.hpp"

#include <limits>
#include <nlohmann/json.hpp>

namespace chainkeeper::daemon {

namespace {

using nlohmann::json;

constexpr std::size_t key_count = 6;

// Far more than a hold of the longest texts is.
constexpr std::size_t longest_json = 8192;

bool is_hold(const Hold& hold)
{
    return hold.until > hold.set_at && hold.until - hold.set_at <= longest_hold && is_hold_text(hold.reason) &&
           is_hold_text(hold.login);
}

}  // namespace

bool is_hold_text(std::string_view text)
{
    return !text.empty() && text.size() <= longest_hold_text && repair::printable(text) == text;
}

std::string to_json(const Hold& hold)
{
    const json object{{"set_at", utc_text(hold.set_at)},
                      {"until", utc_text(hold.until)},
                      {"reason", hold.reason},
                      {"stop", hold.stop},
                      {"uid", hold.uid},
                      {"login", hold.login}};
    return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<Hold> hold_from_json(std::string_view text)
{
    if (text.size() > longest_json)
        return std::nullopt;
    const auto object = json::parse(text, nullptr, false);
    const auto set_at = wall_time_from_utc(text_member(object, "set_at"));
    const auto until = wall_time_from_utc(text_member(object, "until"));
    const auto& uid = member(object, "uid");
    if (object.size() != key_count || !set_at || !until || !member(object, "stop").is_boolean() ||
        !uid.is_number_unsigned() || uid.get<std::uint64_t>() >= std::numeric_limits<uid_t>::max())
        return std::nullopt;
    Hold hold{.set_at = *set_at,
              .until = *until,
              .reason = text_member(object, "reason"),
              .stop = flag_member(object, "stop"),
              .uid = uid.get<uid_t>(),
              .login = text_member(object, "login")};
    return is_hold(hold) ? std::optional{std::move(hold)} : std::nullopt;
}

}  // namespace chainkeeper::daemon
