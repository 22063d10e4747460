// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/reply.hpp"

#include "daemon/api/names.hpp"
#include "daemon/bus/bus_object.hpp"
#include "repair/printable.hpp"

#include <fmt/format.h>
#include <systemd/sd-bus.h>

namespace chainkeeper::daemon {

namespace {

// A quarter of what the system bus takes by default.
constexpr std::size_t longest_message = std::size_t{8} << 20U;

// The first of the last lines that fit together.
std::vector<std::string>::const_iterator first_that_fits(const std::vector<std::string>& lines)
{
    constexpr std::size_t frame = 8;  // the length, the terminating zero, padding
    std::size_t size = 0;
    auto first = lines.end();
    while (first != lines.begin() && size + std::prev(first)->size() + frame <= longest_message)
        size += (--first)->size() + frame;
    return first;
}

int append_lines(sd_bus_message* message, const std::vector<std::string>& lines)
{
    int result = sd_bus_message_open_container(message, SD_BUS_TYPE_ARRAY, "s");
    for (auto line = first_that_fits(lines); result >= 0 && line != lines.end(); ++line)
        result = sd_bus_message_append(message, "s", repair::printable(*line).c_str());
    return result < 0 ? result : sd_bus_message_close_container(message);
}

}  // namespace

int reply_done(sd_bus_message& call)
{
    return sd_bus_reply_method_return(&call, nullptr);
}

int reply_flag(sd_bus_message& call, bool flag)
{
    return sd_bus_reply_method_return(&call, "b", static_cast<int>(flag));
}

int reply_text(sd_bus_message& call, const std::string& text)
{
    if (text.size() > longest_message)
        return reply_error(call, bus_name::failed,
                           fmt::format("the answer has {} bytes, more than a message of the bus may have: `chainkeeper "
                                       "check --policy FILE` looks without the daemon",
                                       text.size()));
    return sd_bus_reply_method_return(&call, "s", repair::printable(text).c_str());
}

int reply_lines(sd_bus_message& call, const std::vector<std::string>& lines)
{
    sd_bus_message* made = nullptr;
    int result = sd_bus_message_new_method_return(&call, &made);
    const BusMessage reply{made};
    if (result >= 0)
        result = append_lines(reply.get(), lines);
    return result < 0 ? result : sd_bus_send(nullptr, reply.get(), nullptr);
}

int reply_error(sd_bus_message& call, const char* name, const std::string& sentence)
{
    return sd_bus_reply_method_errorf(&call, name, "%s", repair::printable(sentence).c_str());
}

}  // namespace chainkeeper::daemon
