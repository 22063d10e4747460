// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/private_bus.hpp"

#include "repair/process/child_process.hpp"

#include <csignal>
#include <fmt/format.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <thread>

namespace chainkeeper::tests {

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 60s;

constexpr const char* configuration = R"(<busconfig>
  <type>session</type>
  <listen>unix:path={}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
)";

bool listens(const std::string& path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool connected = connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    close(descriptor);
    return connected;
}

}  // namespace

PrivateBus::PrivateBus()
{
    directory_.write("bus.conf", fmt::format(configuration, (directory_.path() / "bus").string()));
}

PrivateBus::~PrivateBus()
{
    kill();
}

void PrivateBus::start()
{
    const auto configuration_option = fmt::format("--config-file={}", (directory_.path() / "bus.conf").string());
    const auto started = repair::start_command({"dbus-daemon", configuration_option, "--nofork", "--nopidfile"}, {});
    if (!started)
        throw std::runtime_error{started.error().what};
    daemon_ = *started;
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!listens((directory_.path() / "bus").string())) {
        if (std::chrono::steady_clock::now() > end)
            throw std::runtime_error{"dbus-daemon does not listen"};
        std::this_thread::sleep_for(2ms);
    }
}

void PrivateBus::kill()
{
    if (daemon_ == 0)
        return;
    ::kill(daemon_, SIGKILL);
    waitpid(daemon_, nullptr, 0);
    daemon_ = 0;
}

std::string PrivateBus::address() const
{
    return fmt::format("unix:path={}", (directory_.path() / "bus").string());
}

void run_until(daemon::EventLoop& loop, const std::string& what, const std::function<bool()>& condition)
{
    constexpr std::uint64_t longest_sleep = 10'000;  // µs
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end)
            throw std::runtime_error{"waited in vain until " + what};
        if (sd_event_run(loop.native(), longest_sleep) < 0)
            throw std::runtime_error{"the event loop failed"};
    }
}

void run_for(daemon::EventLoop& loop, daemon::Duration duration)
{
    const auto end = std::chrono::steady_clock::now() + duration;
    run_until(loop, "time has passed", [&] { return std::chrono::steady_clock::now() >= end; });
}

}  // namespace chainkeeper::tests
