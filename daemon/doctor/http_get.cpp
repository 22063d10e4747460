// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/http_get.hpp"

#include "daemon/file_descriptor.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cerrno>
#include <fmt/format.h>
#include <poll.h>
#include <string_view>
#include <sys/socket.h>
#include <system_error>
#include <utility>

// Beast parses; the sockets are our own, so that no input or output of Asio's is compiled in.
namespace chainkeeper::daemon::doctor {

namespace {

namespace http = boost::beast::http;
using Clock = std::chrono::steady_clock;
using Parser = http::response_parser<http::string_body>;

constexpr std::uint32_t largest_header = 16384;
constexpr std::size_t largest_unparsed = 65536;

template <typename T>
using Answered = tl::expected<T, HttpError>;

tl::unexpected<HttpError> failure(std::string_view doing, int error_number)
{
    return tl::unexpected(
        HttpError{.is_refused = error_number == ECONNREFUSED,
                  .what = fmt::format("{}: {}", doing, std::generic_category().message(error_number))});
}

Answered<void> await(const FileDescriptor& socket, short events, Clock::time_point deadline)
{
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
        pollfd polled{.fd = socket.number(), .events = events, .revents = 0};
        const int ready = left > 0 ? poll(&polled, 1, static_cast<int>(left)) : 0;
        if (ready > 0)
            return {};
        if (ready == 0)
            return tl::unexpected(HttpError{.is_refused = false, .what = "no answer within the deadline"});
        if (errno != EINTR)
            return failure("poll", errno);
    }
}

Answered<FileDescriptor> connect_to(std::uint16_t port, Clock::time_point deadline)
{
    FileDescriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!socket)
        return failure("socket", errno);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the way of the sockets' interface
    if (connect(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
        return socket;
    if (errno != EINPROGRESS)
        return failure("connect", errno);
    if (const auto ready = await(socket, POLLOUT, deadline); !ready)
        return tl::unexpected(ready.error());
    int error_number = 0;
    socklen_t size = sizeof error_number;
    if (getsockopt(socket.number(), SOL_SOCKET, SO_ERROR, &error_number, &size) != 0)
        return failure("connect", errno);
    if (error_number != 0)
        return failure("connect", error_number);
    return socket;
}

Answered<void> send_all(const FileDescriptor& socket, std::string_view text, Clock::time_point deadline)
{
    while (!text.empty()) {
        if (auto ready = await(socket, POLLOUT, deadline); !ready)
            return ready;
        const auto sent = send(socket.number(), text.data(), text.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return failure("send", errno);
        text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
    }
    return {};
}

// Nothing more at the end.
Answered<std::string_view> receive(const FileDescriptor& socket, std::array<char, 65536>& buffer,
                                   Clock::time_point deadline)
{
    for (;;) {
        if (const auto ready = await(socket, POLLIN, deadline); !ready)
            return tl::unexpected(ready.error());
        const auto size = recv(socket.number(), buffer.data(), buffer.size(), 0);
        if (size >= 0)
            return std::string_view{buffer.data(), static_cast<std::size_t>(size)};
        if (errno != EAGAIN && errno != EINTR)
            return failure("recv", errno);
    }
}

Answered<void> parsed(boost::system::error_code error)
{
    if (!error || error == http::error::need_more)
        return {};
    return tl::unexpected(HttpError{.is_refused = false, .what = fmt::format("no valid HTTP: {}", error.message())});
}

// Takes as much as can be parsed off the front of `pending`.
Answered<void> feed(Parser& parser, std::string& pending)
{
    boost::system::error_code error;
    std::size_t used = 1;
    while (used > 0 && !pending.empty() && !parser.is_done() && !error) {
        used = parser.put(boost::asio::buffer(pending), error);
        pending.erase(0, used);
    }
    return parsed(error);
}

Answered<void> read_answer(const FileDescriptor& socket, Parser& parser, Clock::time_point deadline)
{
    std::array<char, 65536> buffer{};
    std::string pending;
    while (!parser.is_done()) {
        const auto received = receive(socket, buffer, deadline);
        if (!received)
            return tl::unexpected(received.error());
        if (received->empty() && !parser.got_some())
            return tl::unexpected(HttpError{.is_refused = false, .what = "no answer: the connection was closed"});
        if (received->empty()) {
            boost::system::error_code error;
            parser.put_eof(error);
            return parsed(error);
        }
        pending += *received;
        if (auto fed = feed(parser, pending); !fed)
            return fed;
        if (pending.size() > largest_unparsed)
            return tl::unexpected(HttpError{.is_refused = false, .what = "no valid HTTP: a line without an end"});
    }
    return {};
}

Answered<std::string> body_of(Parser& parser)
{
    const auto& answer = parser.get();
    if (!parser.is_done())
        return tl::unexpected(HttpError{.is_refused = false, .what = "no whole answer"});
    if (answer.result() != http::status::ok)
        return tl::unexpected(
            HttpError{.is_refused = false, .what = fmt::format("answers with status {}", answer.result_int())});
    if (answer.count(http::field::content_encoding) != 0)
        return tl::unexpected(HttpError{.is_refused = false, .what = "answers with an encoding nobody asked for"});
    return std::move(parser.get().body());
}

}  // namespace

tl::expected<std::string, HttpError> get_from_loopback(std::uint16_t port, const std::string& path,
                                                       std::chrono::steady_clock::time_point deadline)
{
    const auto socket = connect_to(port, deadline);
    if (!socket)
        return tl::unexpected(socket.error());
    const auto request = fmt::format("GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nUser-Agent: chainkeeper\r\n"
                                     "Accept: text/plain\r\nConnection: close\r\n\r\n",
                                     path, port);
    Parser parser;
    parser.eager(true);
    parser.header_limit(largest_header);
    parser.body_limit(largest_http_body);
    if (const auto sent = send_all(*socket, request, deadline); !sent)
        return tl::unexpected(sent.error());
    if (const auto read = read_answer(*socket, parser, deadline); !read)
        return tl::unexpected(read.error());
    return body_of(parser);
}

}  // namespace chainkeeper::daemon::doctor
