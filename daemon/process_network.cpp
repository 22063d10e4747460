// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/process_network.hpp"

#include "daemon/file_descriptor.hpp"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <sys/stat.h>

namespace chainkeeper::daemon {

namespace {

struct Identity {
    dev_t device = 0;
    ino_t number = 0;
    bool operator==(const Identity&) const = default;
};

// Each network namespace has files of its own below /proc/PID/net, and with them inode numbers of its own
// (fs/proc/proc_net.c, proc_tgid_net_lookup; fs/proc/generic.c, proc_register). Anybody may look at them.
constexpr const char* file_of_network = "net/dev";

std::optional<Identity> network_of(int process)
{
    struct stat found {};
    if (fstatat(process, file_of_network, &found, 0) != 0)
        return std::nullopt;
    return Identity{.device = found.st_dev, .number = found.st_ino};
}

FileDescriptor open_directory(const std::filesystem::path& path)
{
    return FileDescriptor{open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
}

bool has_comm(int process, std::string_view comm)
{
    std::array<char, 64> text{};  // the kernel's own threads have more than 15 characters here
    const FileDescriptor file{openat(process, "comm", O_RDONLY | O_CLOEXEC)};
    const auto size = file ? read(file.number(), text.data(), text.size()) : -1;
    const std::string_view line{text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
    return line == std::string{comm} + '\n';
}

FileDescriptor open_process(const std::filesystem::path& proc, std::uint32_t pid)
{
    return open_directory(proc / fmt::format("{}", pid));
}

ProcessNetwork network_beside_ours(const std::filesystem::path& proc, const FileDescriptor& process)
{
    const auto own = network_of(open_directory(proc / "thread-self").number());
    const auto network = network_of(process.number());
    if (!own || !network)
        return ProcessNetwork::unknown;
    return *own == *network ? ProcessNetwork::ours : ProcessNetwork::other;
}

}  // namespace

ProcessNetwork network_of_process(const std::filesystem::path& proc, std::uint32_t pid)
{
    return network_beside_ours(proc, open_process(proc, pid));
}

ProcessNetwork network_of_writer(const std::filesystem::path& proc, std::uint32_t pid, std::string_view comm)
{
    const auto writer = open_process(proc, pid);
    const auto network = network_beside_ours(proc, writer);
    // Last: while the number is still its own, it was so when the rest was read.
    return has_comm(writer.number(), comm) ? network : ProcessNetwork::unknown;
}

}  // namespace chainkeeper::daemon
