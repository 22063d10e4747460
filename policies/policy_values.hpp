// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/policy.hpp"
#include "policies/toml_tree.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

// What the keys of the policy file take, read from TOML: each is refused where it makes no sense.
namespace chainkeeper::policies {

// What a duration may sensibly be.
struct Bounds {
    Duration least;
    Duration most;
};
Read<Duration> duration_of(const TomlEntry& entry, Bounds bounds);

struct IntegerBounds {
    std::int64_t least;
    std::int64_t most;
};
Read<std::int64_t> integer_within(const TomlEntry& entry, IntegerBounds bounds);

// A version for which there is a profile, as it is written; or "auto".
Read<std::string> version_of(const TomlEntry& entry);

// The path of a file that node_exporter reads, as it is written; or "".
Read<std::string> textfile_of(const TomlEntry& entry);

// Names of services, each once, without ".service" whether it was written or not. Whether an array of none is one.
enum class MayBeEmpty : std::uint8_t { no, yes };
Read<std::vector<std::string>> services_of(const TomlEntry& entry, MayBeEmpty may_be_empty);

// Names of kernel modules, each once, with "_" for "-", which are one to the kernel. There may be none.
Read<std::vector<std::string>> modules_of(const TomlEntry& entry);

template <typename T, typename Value>
Read<void> assign(T& field, Read<Value> value)
{
    if (!value)
        return tl::unexpected(std::move(value.error()));
    field = static_cast<T>(*std::move(value));
    return {};
}

}  // namespace chainkeeper::policies
