// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/without_capability.hpp"

#include <exception>
#include <linux/capability.h>
#include <stdexcept>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chainkeeper::tests {

namespace {

bool drop(unsigned capability)
{
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3]{};
    if (syscall(SYS_capget, &header, sets) != 0)
        return false;
    auto& set = sets[CAP_TO_INDEX(capability)];
    const bool had_it = (set.effective & CAP_TO_MASK(capability)) != 0;
    set.effective &= ~CAP_TO_MASK(capability);
    set.permitted &= ~CAP_TO_MASK(capability);
    return had_it && syscall(SYS_capset, &header, sets) == 0;
}

std::string said_by(unsigned capability, const std::function<std::string()>& action)
{
    try {
        return drop(capability) ? action() : "the capability was not there to be dropped";
    } catch (const std::exception& error) {
        return std::string{"it threw: "} + error.what();
    }
}

}  // namespace

std::string without_capability(unsigned capability, const std::function<std::string()>& action)
{
    int ends[2]{};
    if (pipe(ends) != 0)
        throw std::runtime_error{"no pipe"};
    const auto child = fork();
    if (child == 0) {
        const auto said = said_by(capability, action);
        const auto written = write(ends[1], said.data(), said.size());
        _exit(written == static_cast<ssize_t>(said.size()) ? 0 : 1);
    }
    close(ends[1]);
    std::string said(4096, '\0');
    const auto size = read(ends[0], said.data(), said.size());
    close(ends[0]);
    int status = -1;
    if (child > 0)
        waitpid(child, &status, 0);
    if (status != 0 || size <= 0)
        throw std::runtime_error{"the process without the capability said nothing"};
    said.resize(static_cast<std::size_t>(size));
    return said;
}

}  // namespace chainkeeper::tests
