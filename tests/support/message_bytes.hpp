// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace chainkeeper::tests {

// A netlink message written by hand, part by part; its length in the header is always right.
class MessageBytes {
public:
    explicit MessageBytes(std::uint16_t type, std::uint16_t flags = 0, std::uint32_t sequence = 0);

    // The nfgenmsg header.
    MessageBytes& netfilter(std::uint8_t protocol, std::uint16_t resource = 0);
    MessageBytes& raw(std::span<const std::byte> bytes);
    MessageBytes& attribute(std::uint16_t type, std::span<const std::byte> value);
    MessageBytes& text(std::uint16_t type, std::string_view value);  // and a zero byte behind it
    MessageBytes& u32(std::uint16_t type, std::uint32_t value);      // in network order
    MessageBytes& u64(std::uint16_t type, std::uint64_t value);
    // What is written between these two is inside an attribute.
    MessageBytes& begin(std::uint16_t type);
    MessageBytes& end();

    [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

private:
    void append(const void* bytes, std::size_t size);
    void pad();

    std::vector<std::byte> bytes_;
    std::vector<std::size_t> open_;  // where the open attributes begin
};

// The object's own bytes, in the host's order.
template <typename T>
std::span<const std::byte> bytes_of(const T& object)
{
    return std::as_bytes(std::span{&object, 1});
}

// The first `size` bytes of a message, which says that it is no longer than that.
std::vector<std::byte> cut_short(std::span<const std::byte> message, std::size_t size);

}  // namespace chainkeeper::tests
