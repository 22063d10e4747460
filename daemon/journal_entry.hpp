// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/message_id.hpp"
#include "daemon/report.hpp"
#include "daemon/report_text.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::daemon {

struct Field {
    std::string_view name;  // "CHAINKEEPER_FAMILY"; a name may occur several times
    std::string value;      // without control characters, but for the newlines of CHAINKEEPER_PLAN
    bool operator==(const Field&) const = default;
};

// A report as the journal gets it: one entry, however many lines it has.
struct Entry {
    Message message;
    std::vector<Line> lines;  // the first says what happened
    std::vector<Field> fields;

    [[nodiscard]] Severity severity() const { return lines.front().severity; }
};

// What is not known has no field.
Entry entry_of(const Report& report);

// What journald is sent, "NAME=value" each: MESSAGE (the lines, separated by newlines), MESSAGE_ID, PRIORITY
// (syslog(3)), CHAINKEEPER_EVENT, and the fields of the entry.
std::vector<std::string> journal_fields(const Entry& entry);

}  // namespace chainkeeper::daemon
