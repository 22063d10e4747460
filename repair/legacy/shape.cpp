// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/legacy/shape.hpp"

#include "repair/process/file_descriptor.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

namespace chainkeeper::repair::legacy {

namespace {

static_assert(sizeof(ipt_getinfo) == sizeof(ip6t_getinfo) && IPT_SO_GET_INFO == IP6T_SO_GET_INFO);

std::string names_file(Family family)
{
    // "self" would be the first thread's network namespace.
    return fmt::format("/proc/thread-self/net/{}_tables_names", family == Family::ipv4 ? "ip" : "ip6");
}

Error legacy_error(Family family, std::string_view doing, int error_number)
{
    const auto what = fmt::format("{} the legacy tables of {}", doing, to_string(family));
    if (error_number == EPERM || error_number == EACCES)
        return denied_error(what, "CAP_NET_ADMIN and CAP_NET_RAW");
    return system_error(what, error_number);
}

// What iptables-legacy asks through.
FileDescriptor raw_socket(Family family)
{
    return FileDescriptor{socket(family == Family::ipv4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)};
}

// An error number, or 0.
int ask(const FileDescriptor& socket, Family family, Table table, TableShape& shape)
{
    ipt_getinfo info{};
    to_string(table).copy(info.name, sizeof info.name - 1);
    socklen_t size = sizeof info;
    if (getsockopt(socket.number(), family == Family::ipv4 ? IPPROTO_IP : IPPROTO_IPV6, IPT_SO_GET_INFO, &info,
                   &size) != 0)
        return errno;
    shape = {.entries = info.num_entries, .bytes = info.size, .hooks = {}};
    std::ranges::copy(info.hook_entry, shape.hooks.begin());
    std::ranges::copy(info.underflow, shape.hooks.begin() + std::size(info.hook_entry));
    return 0;
}

}  // namespace

Result<std::vector<std::string>> names_of_tables(Family family)
{
    errno = 0;
    std::ifstream names{names_file(family)};
    const int error = names ? 0 : errno;
    // A kernel without x_tables; without /proc nothing is known.
    if (error != 0 && (error != ENOENT || access("/proc/thread-self/net", F_OK) != 0))
        return tl::unexpected(legacy_error(family, "listing", error));
    std::vector<std::string> tables;
    for (std::string name; std::getline(names, name);)
        tables.push_back(name);
    return tables;
}

Result<std::set<Table>> instantiated_tables(Family family)
{
    return names_of_tables(family).map([](const std::vector<std::string>& names) {
        std::set<Table> tables;
        for (const auto& name : names)
            if (const auto table = table_from_string(name))
                tables.insert(*table);
        return tables;
    });
}

Result<Shapes> read_shapes(Family family)
{
    const auto tables = instantiated_tables(family);
    if (!tables)
        return tl::unexpected(tables.error());
    Shapes shapes;
    if (tables->empty())
        return shapes;
    const auto socket = raw_socket(family);
    if (!socket)
        return tl::unexpected(legacy_error(family, "asking for", errno));
    for (const auto table : *tables)
        if (const int error = ask(socket, family, table, shapes[table]); error != 0)
            return tl::unexpected(legacy_error(family, "asking for", error));
    return shapes;
}

}  // namespace chainkeeper::repair::legacy
