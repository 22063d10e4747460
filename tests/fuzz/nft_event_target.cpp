// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/nft/event.hpp"
#include "tests/fuzz/property.hpp"

#include <functional>
#include <span>

using namespace chainkeeper;
using namespace chainkeeper::repair::nft;
using tests::must_hold;

namespace {

void must_lie_in(std::string_view whole, std::string_view part)
{
    must_hold(part.empty() || (!std::less{}(part.data(), whole.data()) &&
                               !std::less{}(whole.data() + whole.size(), part.data() + part.size())),
              "what is told is a part of the datagram");
    must_hold(part.find('\0') == std::string_view::npos, "a name ends at its first zero byte");
}

void read_acknowledgements(ByteView datagram, std::string_view whole)
{
    while (const auto message = take_message(datagram))
        if (const auto answer = acknowledgement(*message)) {
            must_hold(answer->error_number >= 0, "an error number is none below 0");
            must_lie_in(whole, answer->explanation);
        }
}

}  // namespace

// A datagram.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto whole = tests::text_of(data, size);
    const auto datagram = std::as_bytes(std::span{data, size});
    std::size_t events = 0;
    const auto malformed = read_events(datagram, [&](const Event& event) {
        ++events;
        if (const auto* const change = std::get_if<Change>(&event)) {
            must_lie_in(whole, change->table);
            must_lie_in(whole, change->chain);
        } else if (const auto* const generation = std::get_if<Generation>(&event)) {
            must_lie_in(whole, generation->comm);
        }
    });
    must_hold(events + malformed <= size / 16 + 1, "a message is at least as long as its header");
    read_acknowledgements(datagram, whole);
    return 0;
}
