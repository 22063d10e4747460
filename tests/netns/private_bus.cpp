// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/private_bus.hpp"

#include "tests/netns/await.hpp"

#include <array>
#include <cstdlib>
#include <fmt/format.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>

namespace chainkeeper::tests {

namespace {

constexpr const char* variable = "DBUS_SYSTEM_BUS_ADDRESS";

constexpr const char* configuration =
    R"(<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>custom</type>
  <listen>{}</listen>
  <auth>EXTERNAL</auth>
  {}
</busconfig>
)";

constexpr std::string_view anything = R"(<policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="false"/>
    <allow send_type="signal"/>
    <allow receive_sender="*"/>
  </policy>)";

// As in /usr/share/dbus-1/system.conf.
constexpr const char* by_default = R"(<policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
  </policy>
  <include>{}</include>)";

}  // namespace

PrivateBus::PrivateBus(const std::filesystem::path& folder) : PrivateBus{folder, anything} {}

PrivateBus::PrivateBus(const std::filesystem::path& folder, const std::filesystem::path& policy)
    : PrivateBus{folder, std::string_view{fmt::format(by_default, policy.string())}}
{
}

PrivateBus::PrivateBus(const std::filesystem::path& folder, std::string_view policy)
    : address_{fmt::format("unix:path={}/bus", folder.string())}
{
    write_text(folder / "bus.conf", fmt::format(configuration, address_, policy));
    process_ = std::make_unique<Process>(
        Process::Start{.arguments = {"dbus-daemon", fmt::format("--config-file={}/bus.conf", folder.string()),
                                     "--nofork", "--nopidfile", "--print-address"},
                       .environment = {},
                       .output = folder / "address",
                       .errors = folder / "bus.log"});
    await("the bus listened", [&] {
        if (process_->exit_code())
            throw std::runtime_error{"dbus-daemon has ended: " + text_of(folder / "bus.log")};
        return text_of(folder / "address").find('\n') != std::string::npos;
    });
    setenv(variable, address_.c_str(), 1);
}

PrivateBus::~PrivateBus()
{
    unsetenv(variable);
}

OpenFolder::OpenFolder()
{
    std::string name{"/tmp/chainkeeper-bus.XXXXXX"};
    if (mkdtemp(name.data()) == nullptr || chmod(name.c_str(), 0755) != 0)
        throw std::system_error{errno, std::generic_category(), name};
    path_ = name;
}

OpenFolder::~OpenFolder()
{
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace chainkeeper::tests
