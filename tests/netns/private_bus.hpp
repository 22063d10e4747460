// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "tests/netns/process.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace chainkeeper::tests {

// A dbus-daemon of the test's own that is the system bus of this process and of the programs it starts
// (DBUS_SYSTEM_BUS_ADDRESS), until the object goes. It starts no services.
class PrivateBus {
public:
    // The socket is made in `folder`, into which anybody has to be able to look. Anybody may connect, own any name and
    // call anybody.
    explicit PrivateBus(const std::filesystem::path& folder);
    // What the real system bus allows by default, which is nearly nothing, and what this policy file allows besides.
    PrivateBus(const std::filesystem::path& folder, const std::filesystem::path& policy);
    ~PrivateBus();
    PrivateBus(const PrivateBus&) = delete;
    PrivateBus& operator=(const PrivateBus&) = delete;
    PrivateBus(PrivateBus&&) = delete;
    PrivateBus& operator=(PrivateBus&&) = delete;

    [[nodiscard]] const std::string& address() const { return address_; }
    Process& process() { return *process_; }

private:
    PrivateBus(const std::filesystem::path& folder, std::string_view policy);

    std::string address_;
    std::unique_ptr<Process> process_;
};

// A folder under /tmp that anybody can look into; it goes with the object.
class OpenFolder {
public:
    OpenFolder();
    ~OpenFolder();
    OpenFolder(const OpenFolder&) = delete;
    OpenFolder& operator=(const OpenFolder&) = delete;
    OpenFolder(OpenFolder&&) = delete;
    OpenFolder& operator=(OpenFolder&&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

}  // namespace chainkeeper::tests
