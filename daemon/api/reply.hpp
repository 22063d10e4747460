// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

struct sd_bus_message;

namespace chainkeeper::daemon {

// The answers to a call of the bus. Each is sent once; negative where it cannot be, which the loop's owner learns of
// the connection itself. What is said is made printable: the bus throws out whoever sends it what is not UTF-8.
int reply_done(sd_bus_message& call);
int reply_flag(sd_bus_message& call, bool flag);
// Failed in its place where it is too long for a message of the bus, whose daemon would throw us out.
int reply_text(sd_bus_message& call, const std::string& text);
// As many of the last as a message holds.
int reply_lines(sd_bus_message& call, const std::vector<std::string>& lines);
// `name` is the bus's name of the error, `sentence` what it says to people.
int reply_error(sd_bus_message& call, const char* name, const std::string& sentence);

}  // namespace chainkeeper::daemon
