// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/journal_socket.hpp"

#include "tests/netns/await.hpp"

#include <cerrno>
#include <cstring>
#include <endian.h>
#include <filesystem>
#include <fmt/format.h>
#include <stdexcept>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>

namespace chainkeeper::tests {

namespace {

const std::filesystem::path socket_path{"/run/systemd/journal/socket"};

[[noreturn]] void refuse(std::string_view datagram)
{
    throw std::runtime_error{fmt::format("not an entry of the journal: {}", datagram)};
}

std::string_view take(std::string_view& text, std::size_t size)
{
    if (text.size() < size)
        refuse(text);
    const auto front = text.substr(0, size);
    text.remove_prefix(size);
    return front;
}

// "The native journal protocol": after a name without "=", the length as 64 bits, little endian.
std::string_view take_binary(std::string_view& text)
{
    std::uint64_t length = 0;
    std::memcpy(&length, take(text, sizeof length).data(), sizeof length);
    const auto value = take(text, le64toh(length));
    if (take(text, 1) != "\n")
        refuse(text);
    return value;
}

}  // namespace

JournalEntry::JournalEntry(std::string datagram)
{
    std::string_view text{datagram};
    while (!text.empty()) {
        const auto end = text.find('\n');
        if (end == std::string_view::npos)
            refuse(datagram);
        const auto line = take(text, end + 1).substr(0, end);
        const auto equals = line.find('=');
        const auto value = equals == std::string_view::npos ? take_binary(text) : line.substr(equals + 1);
        fields_.emplace(line.substr(0, equals), value);
    }
}

bool JournalEntry::is(daemon::Message message) const
{
    return count("MESSAGE_ID") == 1 && value("MESSAGE_ID") == daemon::message_id(message);
}

std::string JournalEntry::value(const std::string& name) const
{
    if (count(name) != 1)
        throw std::runtime_error{fmt::format("the entry has {} times {}", count(name), name)};
    return fields_.find(name)->second;
}

JournalSocket::JournalSocket() : socket_{socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)}
{
    if (std::filesystem::exists(socket_path))
        throw std::runtime_error{"there is a journald: this test needs a /run of its own (see tests/run)"};
    std::filesystem::create_directories(socket_path.parent_path());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket_path.c_str(), sizeof address.sun_path - 1);
    if (bind(socket_.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        throw std::system_error{errno, std::generic_category(), socket_path.string()};
}

JournalSocket::~JournalSocket()
{
    std::error_code ignored;
    std::filesystem::remove(socket_path, ignored);
}

const std::vector<JournalEntry>& JournalSocket::entries()
{
    std::string datagram(std::size_t{1} << 20U, '\0');
    for (;;) {
        const auto size = recv(socket_.number(), datagram.data(), datagram.size(), 0);
        if (size < 0 && errno == EAGAIN)
            return entries_;
        // An entry that is sent as a file is an empty datagram: no entry of ours is that large.
        if (size <= 0)
            throw std::system_error{errno, std::generic_category(), "receiving an entry"};
        entries_.emplace_back(datagram.substr(0, static_cast<std::size_t>(size)));
    }
}

std::vector<JournalEntry> JournalSocket::all(daemon::Message message)
{
    std::vector<JournalEntry> found;
    for (const auto& entry : entries())
        if (entry.is(message))
            found.push_back(entry);
    return found;
}

std::vector<JournalEntry> JournalSocket::await_all(daemon::Message message, std::size_t count)
{
    await(fmt::format("the journal had {} time(s): {}", count, to_string(message)),
          [&] { return all(message).size() >= count; });
    return all(message);
}

}  // namespace chainkeeper::tests
