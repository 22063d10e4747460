// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "tests/netns/process.hpp"
#include "tests/support/command.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace chainkeeper::tests {

// A machine of its own, booted and at rest: real systemd, journald and D-Bus, a network namespace, our programs as
// `meson install` puts them, and the files of tests/node/files. Its files are in memory. It ends with the object, and
// with the test.
class Container {
public:
    Container();
    ~Container();
    Container(const Container&) = delete;
    Container& operator=(const Container&) = delete;
    Container(Container&&) = delete;
    Container& operator=(Container&&) = delete;

    // A program inside, as root; see tests/support/command.hpp.
    [[nodiscard]] CommandResult run(const std::vector<std::string>& arguments, std::string_view input = {}) const;
    std::string must_run(const std::vector<std::string>& arguments, std::string_view input = {}) const;

    // Its process 1, by the machine's own number.
    [[nodiscard]] pid_t leader() const { return leader_; }
    // One of its files, as it can be reached from here.
    [[nodiscard]] std::filesystem::path file(std::string_view path) const;

    // `systemctl reboot`, until all is up again. The files stay; everything in the kernel is new.
    void reboot();

private:
    void await_boot();
    [[nodiscard]] std::vector<std::string> inside(const std::vector<std::string>& arguments) const;

    std::filesystem::path console_;
    std::unique_ptr<Process> process_;
    pid_t leader_ = 0;
};

}  // namespace chainkeeper::tests
