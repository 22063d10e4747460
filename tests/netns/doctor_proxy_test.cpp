// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/await.hpp"
#include "tests/netns/doctor_answer.hpp"
#include "tests/netns/kube_proxy.hpp"
#include "tests/netns/node.hpp"
#include "tests/netns/process.hpp"
#include "tests/support/temporary_directory.hpp"

#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <chrono>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <functional>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

// `chainkeeper doctor --check kube-proxy-sync` against a server where kube-proxy has its own, a good one and bad ones.
namespace chainkeeper::tests {

namespace {

// Listens on 127.0.0.1:10249 of the calling thread's network namespace. `answer` gets each connection with what was
// asked, and has to return soon after the other side has gone or `ends` is set.
class Server {
public:
    using Answer = std::function<void(int connection, const std::string& request, const std::atomic<bool>& ends)>;
    explicit Server(Answer answer) : answer_{std::move(answer)}
    {
        listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int on = 1;
        setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(10249);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the way of the sockets' interface
        REQUIRE(bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(listen(listener_, 8) == 0);
        thread_ = std::thread{[this] { serve(); }};
    }
    ~Server()
    {
        ends_ = true;
        thread_.join();
        close(listener_);
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    Server(Server&&) = delete;
    Server& operator=(Server&&) = delete;

private:
    void serve()
    {
        while (!ends_) {
            pollfd polled{.fd = listener_, .events = POLLIN, .revents = 0};
            if (poll(&polled, 1, 20) != 1)
                continue;
            const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            std::array<char, 4096> request{};
            const auto size = recv(connection, request.data(), request.size(), 0);
            if (size > 0)
                answer_(connection, std::string{request.data(), static_cast<std::size_t>(size)}, ends_);
            close(connection);
        }
    }

    Answer answer_;
    int listener_ = -1;
    std::atomic<bool> ends_ = false;
    std::thread thread_;
};

bool send_text(int connection, std::string_view text)
{
    return send(connection, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

double now()
{
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Of a kube-proxy that synced so many seconds ago, and was asked to so many ago.
std::string metrics(double synced_ago, double queued_ago)
{
    return fmt::format("# TYPE kubeproxy_sync_proxy_rules_duration_seconds histogram\n"
                       "kubeproxy_sync_proxy_rules_duration_seconds_bucket{{ip_family=\"IPv4\",le=\"0.512\"}} 10\n"
                       "kubeproxy_sync_proxy_rules_duration_seconds_bucket{{ip_family=\"IPv4\",le=\"+Inf\"}} 10\n"
                       "kubeproxy_sync_proxy_rules_last_timestamp_seconds{{ip_family=\"IPv4\"}} {}\n"
                       "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds{{ip_family=\"IPv4\"}} {}\n",
                       now() - synced_ago, now() - queued_ago);
}

// As Go's server answers: with a length, or in chunks where the text is long.
std::string whole(const std::string& body)
{
    return fmt::format("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n"
                       "Connection: close\r\n\r\n{}",
                       body.size(), body);
}

std::string chunked(const std::string& body)
{
    std::string text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (std::size_t at = 0; at < body.size(); at += 100) {
        const auto chunk = body.substr(at, 100);
        text += fmt::format("{:x}\r\n{}\r\n", chunk.size(), chunk);
    }
    return text + "0\r\n\r\n";
}

// kube-proxy with these metrics.
Server::Answer proxy(const std::function<std::string()>& answer, const std::string& mode = "iptables")
{
    return [answer, mode](int connection, const std::string& request, const auto&) {
        if (request.starts_with("GET /metrics HTTP/1.1\r\n"))
            send_text(connection, answer());
        else if (request.starts_with("GET /proxyMode "))
            send_text(connection, whole(mode));
    };
}

// Sends the same again and again.
Server::Answer endless(const std::string& begin, const std::string& again, std::chrono::milliseconds pause = {})
{
    return [=](int connection, const std::string&, const std::atomic<bool>& ends) {
        send_text(connection, begin);
        while (!ends && send_text(connection, again))
            std::this_thread::sleep_for(pause);
    };
}

DoctorAnswer ask(const Node& node, const std::vector<std::string>& options = {})
{
    return ask_doctor(node, "kube-proxy-sync", options);
}

void check_unknown(const Node& node, const Server::Answer& answer, std::string_view reason)
{
    const Server server{answer};
    const auto began = std::chrono::steady_clock::now();
    const auto said = ask(node);
    CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds{10});
    CHECK(said.verdict == "unknown");
    CHECK(said.status == 2);
    CHECK_MESSAGE(said.says(reason), said.text);
}

}  // namespace

TEST_CASE("doctor kube-proxy-sync: a sync that does not come, and comes; the policy says when it is late")
{
    const Node node;
    CHECK(ask(node).verdict == "not_applicable");
    std::atomic<double> synced_ago = 5;
    const Server server{proxy([&] { return whole(metrics(synced_ago, 10)); })};
    const auto well = ask(node);
    CHECK(well.verdict == "ok");
    CHECK(well.status == 0);
    CHECK(well.says("mode: iptables"));
    CHECK(well.says("sync p99 0.507 s"));
    synced_ago = 90;
    const auto late = ask(node);
    CHECK(late.verdict == "warning");
    CHECK(late.status == 1);
    CHECK(late.says("IPv4: synced 90 s ago, and another sync is queued since 10 s at least"));
    const TemporaryDirectory policies;
    policies.write("patient.toml", "[doctor]\nsync_age = \"2m\"\n");
    policies.write("quick.toml", "[doctor]\nsync_p99 = \"500ms\"\n");
    policies.write("wrong.toml", "[doctor]\nsync_age = 2\n");
    const auto with = [&](const std::string& name) {
        return ask(node, {"--policy", (policies.path() / name).string()});
    };
    CHECK(with("patient.toml").verdict == "ok");
    CHECK(with("patient.toml").policy_error.empty());
    CHECK(with("wrong.toml").verdict == "warning");
    CHECK(with("wrong.toml").policy_error.find("wrong.toml:2:12: ") != std::string::npos);
    synced_ago = 5;
    CHECK(ask(node).verdict == "ok");
    CHECK(with("quick.toml").verdict == "warning");
}

TEST_CASE("doctor kube-proxy-chains: a kube-proxy that is part of another program, and has lost all of its chains")
{
    const Node node;
    const auto ask_chains = [&] { return ask_doctor(node, "kube-proxy-chains"); };
    CHECK(ask_chains().verdict == "not_applicable");
    {
        const Server other{[](int connection, const std::string&, const auto&) { send_text(connection, whole("ok")); }};
        CHECK(ask_chains().verdict == "not_applicable");
    }
    const Server server{proxy([] { return whole(metrics(5, 10)); })};
    const auto bare = ask_chains();
    CHECK(bare.verdict == "critical");
    CHECK(bare.says("kube-proxy runs (it answers on 127.0.0.1:10249), and has not one chain"));
    make_kube_proxy(repair::Family::ipv4);
    CHECK(ask_chains().verdict == "ok");
}

TEST_CASE("doctor kube-proxy-chains: those of another mode than kube-proxy says that it is in")
{
    const Node node;
    std::atomic<unsigned> answered = 0;
    const auto says_nftables = proxy([] { return whole(metrics(5, 10)); }, "nftables");
    const Server server{[&](int connection, const std::string& request, const std::atomic<bool>& ends) {
        says_nftables(connection, request, ends);
        answered += request.starts_with("GET /proxyMode ") ? 1 : 0;
    }};
    make_kube_proxy(repair::Family::ipv4);
    const auto old = ask_doctor(node, "kube-proxy-chains");
    CHECK(answered == 1);
    CHECK(old.verdict == "critical");
    CHECK(old.says("kube-proxy is in its nftables mode, and has no chain of that"));
    flush_everything();
    make_kube_proxy_nftables(repair::Family::ipv4);
    CHECK(ask_doctor(node, "kube-proxy-chains").verdict == "ok");
    CHECK(answered == 2);
}

TEST_CASE("doctor kube-proxy-sync: an answer in chunks, and one until the connection ends")
{
    const Node node;
    {
        const Server server{proxy([] { return chunked(metrics(5, 10) + std::string(100000, '\n')); })};
        CHECK(ask(node).verdict == "ok");
    }
    const Server server{proxy([] { return "HTTP/1.0 200 OK\r\n\r\n" + metrics(5, 10); })};
    CHECK(ask(node).verdict == "ok");
}

TEST_CASE("doctor kube-proxy-sync: a server that is none, or means harm, is refused in time")
{
    const Node node;
    const std::string head = "HTTP/1.1 200 OK\r\n";
    const auto once = [](const std::string& text) { return endless(text, "", std::chrono::milliseconds{5}); };
    const auto just = [](const std::string& text) {
        return [text](int connection, const std::string&, const auto&) { send_text(connection, text); };
    };
    check_unknown(node, once(""), "no answer within the deadline");
    check_unknown(node, endless(head + "\r\n", "a", std::chrono::milliseconds{20}), "no answer within the deadline");
    check_unknown(node, endless(head + "\r\n", std::string(1U << 20U, '\n')), "no valid HTTP");
    check_unknown(node, endless(head, "A: b\r\n"), "no valid HTTP");
    check_unknown(node, endless(head + "Transfer-Encoding: chunked\r\n\r\n1;", "aaaaaaaa"), "no valid HTTP");
    check_unknown(node, just(head + "Content-Length: 99999999999\r\n\r\n"), "no valid HTTP");
    check_unknown(node, just(head + "Content-Length: 10\r\n\r\nabc"), "no valid HTTP");
    check_unknown(node, just("SSH-2.0-OpenSSH_9.2\r\n"), "no valid HTTP");
    check_unknown(node, just("\x1b[2J\xff"), "no valid HTTP");
    check_unknown(node, just(""), "no answer: the connection was closed");
    check_unknown(node, just("HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"),
                  "status 302");
    check_unknown(node, just("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), "status 404");
    check_unknown(node, just(head + "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b"), "encoding");
    check_unknown(node, just(whole("<html>hello</html>")), "no metrics of kube-proxy");
}

TEST_CASE("doctor kube-proxy-sync: a kube-proxy that runs and does not listen there is not overlooked")
{
    const Node node;
    const TemporaryDirectory programs;
    std::filesystem::copy_file("/bin/sleep", programs.path() / "kube-proxy");
    {
        const Process process{{.arguments = {(programs.path() / "kube-proxy").string(), "60"}}};
        await("it runs", [&] { return text_of(fmt::format("/proc/{}/comm", process.pid())) == "kube-proxy\n"; });
        const auto answer = ask(node);
        CHECK(answer.verdict == "unknown");
        CHECK(answer.says(fmt::format("Connection refused; kube-proxy runs as {}", process.pid())));
    }
    CHECK(ask(node).verdict == "not_applicable");
}

}  // namespace chainkeeper::tests
