// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/nft/message.hpp"

#include "tests/support/message_bytes.hpp"

#include <cerrno>
#include <cstring>
#include <doctest/doctest.h>
#include <limits>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string>
#include <vector>

namespace chainkeeper::repair::nft {

namespace {

using tests::cut_short;
using tests::MessageBytes;

// What MessageBytes says in its headers is true; this makes it say something else.
std::vector<std::byte> with_length(std::vector<std::byte> bytes, std::uint32_t length)
{
    std::memcpy(bytes.data(), &length, sizeof length);
    return bytes;
}

std::vector<std::byte> attribute(std::uint16_t length, std::uint16_t type, std::size_t bytes)
{
    std::vector<std::byte> attribute(sizeof(nlattr) + bytes);
    const nlattr header{.nla_len = length, .nla_type = type};
    std::memcpy(attribute.data(), &header, sizeof header);
    return attribute;
}

std::vector<std::byte> joined(std::initializer_list<std::vector<std::byte>> parts)
{
    std::vector<std::byte> whole;
    for (const auto& part : parts)
        whole.insert(whole.end(), part.begin(), part.end());
    return whole;
}

std::vector<std::byte> bytes_of(std::string_view text)
{
    const auto view = std::as_bytes(std::span{text});
    return {view.begin(), view.end()};
}

// The request that the kernel quotes: its header says 64 bytes, of which 48 follow it.
constexpr std::uint32_t quoted_length = 64;

MessageBytes error_message(int error, std::uint16_t flags)
{
    nlmsgerr answer{};
    answer.error = error;
    answer.msg.nlmsg_len = quoted_length;
    MessageBytes message{NLMSG_ERROR, flags, 9};
    return message.raw(tests::bytes_of(answer));
}

// As the kernel writes them: text with its zero byte, offset in the host's order.
void add_explanation(MessageBytes& message)
{
    message.text(NLMSGERR_ATTR_MSG, "no such chain");
    message.attribute(NLMSGERR_ATTR_OFFS, tests::bytes_of(std::uint32_t{40}));
}

// Looks for an acknowledgement in every length that the message could have been cut to.
void cut_everywhere(const MessageBytes& message)
{
    for (std::size_t size = 0; size < message.bytes().size(); ++size) {
        const auto bytes = cut_short(message.bytes(), size);
        ByteView rest{bytes};
        const auto cut = take_message(rest);
        CHECK(cut.has_value() == (size >= sizeof(nlmsghdr)));
        const auto answer = cut ? acknowledgement(*cut) : std::nullopt;
        CHECK(answer.has_value() == (size >= sizeof(nlmsghdr) + sizeof(nlmsgerr)));
        if (answer)
            CHECK(std::string_view{"no such chain"}.starts_with(answer->explanation));
    }
}

Acknowledgement answer_in(const MessageBytes& message)
{
    ByteView rest{message.bytes()};
    const auto taken = take_message(rest);
    REQUIRE(taken);
    const auto answer = acknowledgement(*taken);
    REQUIRE(answer);
    return *answer;
}

}  // namespace

TEST_CASE("messages are taken one after the other")
{
    const auto datagram = joined({MessageBytes{1, 2, 3}.raw(bytes_of("four")).bytes(), MessageBytes{5, 6, 7}.bytes()});
    ByteView rest{datagram};
    const auto first = take_message(rest);
    REQUIRE(first);
    CHECK(first->type == 1);
    CHECK(first->flags == 2);
    CHECK(first->sequence == 3);
    CHECK(first->whole.size() == 20);
    CHECK(first->payload.size() == 4);
    const auto second = take_message(rest);
    REQUIRE(second);
    CHECK(second->type == 5);
    CHECK(second->payload.empty());
    CHECK(rest.empty());
    CHECK_FALSE(take_message(rest));
}

TEST_CASE("the padding behind a message belongs to it, whether it is there or not")
{
    const auto odd = with_length(MessageBytes{1}.raw(bytes_of("12345678")).bytes(), 21);
    const auto datagram = joined({odd, MessageBytes{2}.bytes()});
    ByteView rest{datagram};
    REQUIRE(take_message(rest));
    CHECK(take_message(rest)->type == 2);

    rest = ByteView{odd}.first(21);
    const auto last = take_message(rest);
    REQUIRE(last);
    CHECK(last->payload.size() == 5);
    CHECK(rest.empty());
}

TEST_CASE("a message of impossible length is not taken, and stays")
{
    const auto whole = MessageBytes{1}.raw(bytes_of("four")).bytes();
    for (const auto length : {0U, 1U, 15U, 21U, 24U, 0x7fffffffU, 0xfffffffcU, std::numeric_limits<unsigned>::max()}) {
        const auto bytes = with_length(whole, length);
        ByteView rest{bytes};
        CHECK_FALSE(take_message(rest));
        CHECK(rest.size() == bytes.size());
    }
    for (std::size_t size = 1; size < whole.size(); ++size) {
        auto rest = ByteView{whole}.first(size);
        CHECK_FALSE(take_message(rest));
        CHECK(rest.size() == size);
    }
}

TEST_CASE("a payload of nf_tables has a header of its own")
{
    MessageBytes message{1};
    message.netfilter(NFPROTO_IPV6).u32(1, 0x01020304);
    ByteView rest{message.bytes()};
    const auto payload = netfilter_payload(*take_message(rest));
    REQUIRE(payload);
    CHECK(payload->protocol == NFPROTO_IPV6);
    CHECK(find_u32(payload->attributes, 1) == 0x01020304U);
    for (std::size_t size = sizeof(nlmsghdr); size < sizeof(nlmsghdr) + sizeof(nfgenmsg); ++size) {
        const auto bytes = cut_short(message.bytes(), size);
        rest = bytes;
        CHECK_FALSE(netfilter_payload(*take_message(rest)));
    }
}

TEST_CASE("attributes are found by type, whatever their flags, and the first one counts")
{
    MessageBytes message{1};
    message.text(7, "seven").u32(3 | NLA_F_NET_BYTEORDER, 33).u64(4 | NLA_F_NESTED, 44).text(7, "other");
    const auto attributes = ByteView{message.bytes()}.subspan(sizeof(nlmsghdr));
    CHECK(find_string(attributes, 7) == "seven");
    CHECK(find_u32(attributes, 3) == 33U);
    CHECK(find_u64(attributes, 4) == 44U);
    CHECK_FALSE(find_attribute(attributes, 8));
    CHECK_FALSE(find_string(attributes, 8));
    CHECK_FALSE(find_u32(attributes, 8));
    CHECK_FALSE(find_u64({}, 7));
}

TEST_CASE("a string ends at its first zero byte, or with the attribute")
{
    CHECK(find_string(attribute(4, 1, 0), 1) == "");
    CHECK(find_string(joined({attribute(7, 1, 0), bytes_of("abc")}), 1) == "abc");
    CHECK(find_string(joined({attribute(8, 1, 0), bytes_of(std::string_view{"a\0bc", 4})}), 1) == "a");
}

TEST_CASE("a number of too few bytes is none")
{
    CHECK_FALSE(find_u32(attribute(7, 1, 3), 1));
    CHECK_FALSE(find_u64(attribute(11, 1, 7), 1));
    CHECK(find_u32(attribute(8, 1, 4), 1) == 0U);
    CHECK(find_u64(attribute(12, 1, 8), 1) == 0U);
}

TEST_CASE("an attribute of impossible length hides what is behind it, and no more")
{
    const auto good = attribute(8, 2, 4);
    for (const std::uint16_t length : std::initializer_list<std::uint16_t>{0, 1, 3, 13, 0x7fff, 0xffff}) {
        const auto bytes = joined({good, attribute(length, 1, 4)});
        CHECK(find_attribute(bytes, 2));
        CHECK_FALSE(find_attribute(bytes, 1));
        CHECK_FALSE(find_attribute(joined({attribute(length == 13 ? std::uint16_t{17} : length, 1, 4), good}), 2));
    }
    for (std::size_t size = 0; size < good.size(); ++size)
        CHECK_FALSE(find_attribute(ByteView{good}.first(size), 2));
}

TEST_CASE("an acknowledgement says what went wrong")
{
    CHECK(answer_in(error_message(0, 0)).error_number == 0);
    const auto refused = answer_in(error_message(-EEXIST, 0));
    CHECK(refused.error_number == EEXIST);
    CHECK(refused.explanation.empty());
    CHECK_FALSE(refused.bad_offset);
}

TEST_CASE("what is no acknowledgement is not taken for one")
{
    nlmsgerr answer{};
    MessageBytes message{NLMSG_DONE};
    message.raw(tests::bytes_of(answer));
    ByteView rest{message.bytes()};
    CHECK_FALSE(acknowledgement(*take_message(rest)));
    for (const int no_errno : {1, -4096, std::numeric_limits<int>::min()}) {
        const auto wrong = error_message(no_errno, 0);
        rest = wrong.bytes();
        CHECK_FALSE(acknowledgement(*take_message(rest)));
    }
}

TEST_CASE("the kernel's explanation stands behind the header that it quotes, where that was capped")
{
    auto message = error_message(-ENOENT, NLM_F_CAPPED | NLM_F_ACK_TLVS);
    add_explanation(message);
    const auto answer = answer_in(message);
    CHECK(answer.error_number == ENOENT);
    CHECK(answer.explanation == "no such chain");
    CHECK(answer.bad_offset == 40U);
    cut_everywhere(message);
}

TEST_CASE("the kernel's explanation stands behind the whole request that it quotes, where that was not capped")
{
    auto message = error_message(-ENOENT, NLM_F_ACK_TLVS);
    message.raw(std::vector<std::byte>(quoted_length - sizeof(nlmsghdr), std::byte{0x11}));
    add_explanation(message);
    const auto answer = answer_in(message);
    CHECK(answer.explanation == "no such chain");
    CHECK(answer.bad_offset == 40U);
    cut_everywhere(message);
}

TEST_CASE("a success is quoted by its header alone")
{
    auto message = error_message(0, NLM_F_ACK_TLVS);
    add_explanation(message);
    CHECK(answer_in(message).explanation == "no such chain");
}

TEST_CASE("without its flag there is no explanation, whatever the bytes look like")
{
    auto message = error_message(-ENOENT, NLM_F_CAPPED);
    add_explanation(message);
    CHECK(answer_in(message).explanation.empty());
    CHECK_FALSE(answer_in(message).bad_offset);
}

TEST_CASE("an acknowledgement that quotes an impossible length has no explanation")
{
    for (const auto length : {0xffffffffU, 0xfffffffdU, 0x7fffffffU, 1000U}) {
        nlmsgerr answer{};
        answer.error = -EINVAL;
        answer.msg.nlmsg_len = length;
        MessageBytes message{NLMSG_ERROR, NLM_F_ACK_TLVS};
        message.raw(tests::bytes_of(answer));
        add_explanation(message);
        CHECK(answer_in(message).error_number == EINVAL);
        CHECK(answer_in(message).explanation.empty());
    }
}

TEST_CASE("an offset of too few bytes is none")
{
    auto message = error_message(-EINVAL, NLM_F_CAPPED | NLM_F_ACK_TLVS);
    message.attribute(NLMSGERR_ATTR_OFFS, tests::bytes_of(std::uint16_t{4}));
    CHECK_FALSE(answer_in(message).bad_offset);
}

}  // namespace chainkeeper::repair::nft
