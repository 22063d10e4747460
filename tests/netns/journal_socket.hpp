// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/file_descriptor.hpp"
#include "daemon/message_id.hpp"

#include <map>
#include <string>
#include <vector>

namespace chainkeeper::tests {

// An entry as a program sent it: a field may occur several times.
class JournalEntry {
public:
    // Throws std::runtime_error where `datagram` is none of journald's native protocol.
    explicit JournalEntry(std::string datagram);

    [[nodiscard]] bool is(daemon::Message message) const;
    // Of a field that is there once; throws std::runtime_error where it is not.
    [[nodiscard]] std::string value(const std::string& name) const;
    [[nodiscard]] std::size_t count(const std::string& name) const { return fields_.count(name); }

private:
    std::multimap<std::string, std::string> fields_;
};

// Takes the place of journald: listens where programs send their entries. There must be no journald, which a /run of
// the test's own sees to.
class JournalSocket {
public:
    JournalSocket();
    ~JournalSocket();
    JournalSocket(const JournalSocket&) = delete;
    JournalSocket& operator=(const JournalSocket&) = delete;
    JournalSocket(JournalSocket&&) = delete;
    JournalSocket& operator=(JournalSocket&&) = delete;

    // Those that came so far, in their order.
    const std::vector<JournalEntry>& entries();
    std::vector<JournalEntry> all(daemon::Message message);
    // Returns them when there are so many, or more.
    std::vector<JournalEntry> await_all(daemon::Message message, std::size_t count);

private:
    daemon::FileDescriptor socket_;
    std::vector<JournalEntry> entries_;
};

}  // namespace chainkeeper::tests
