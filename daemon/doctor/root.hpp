// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/file_descriptor.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace chainkeeper::daemon::doctor {

// Nothing where there is no such file; else what was asked for. The error is a sentence that begins with the path.
template <typename T>
using Found = tl::expected<std::optional<T>, std::string>;

// The root folder of a node: the machine's own, or an image that somebody else made. Whatever stands in it, links lead
// nowhere out of it, nothing but regular files is opened (openat2(2), Linux 5.6), nothing waits, and nothing is read
// without a limit. Paths begin with a slash and are the node's own.
class Root {
public:
    static constexpr std::size_t largest_text = std::size_t{1} << 20U;      // of text()
    static constexpr std::size_t largest_stream = std::size_t{256} << 20U;  // of each_line(): 150,000 rules are 30 MiB
    static constexpr std::size_t longest_line = 4096;                       // the rest of a line is left out
    static constexpr std::size_t most_names = 32768;                        // of names()

    static tl::expected<Root, std::string> open(const std::filesystem::path& directory);

    // All of a regular file.
    [[nodiscard]] Found<std::string> text(const std::string& path) const;
    // Each line of a regular file, which is never in memory as a whole. Their number.
    [[nodiscard]] Found<std::size_t> each_line(const std::string& path,
                                               const std::function<void(std::string_view)>& line) const;
    // Of everything in a directory, sorted.
    [[nodiscard]] Found<std::vector<std::string>> names(const std::string& path) const;
    // The paths of those in a directory whose names end so, sorted; none where there is no such directory.
    [[nodiscard]] tl::expected<std::vector<std::string>, std::string> paths(const std::string& directory,
                                                                            std::string_view suffix) const;
    // What a link holds. Nothing where there is none, or something else.
    [[nodiscard]] Found<std::string> link(const std::string& path) const;
    // Whether it is a regular file that somebody may execute.
    [[nodiscard]] Found<bool> executable(const std::string& path) const;
    // What it is called where all links that lead to it end: "xtables-nft-multi" for /usr/sbin/iptables.
    [[nodiscard]] Found<std::string> real_name(const std::string& path) const;

private:
    explicit Root(FileDescriptor directory) : directory_{std::move(directory)} {}
    [[nodiscard]] Found<FileDescriptor> locate(const std::string& path) const;
    [[nodiscard]] Found<FileDescriptor> open_regular(const std::string& path, std::size_t limit) const;

    FileDescriptor directory_;
};

}  // namespace chainkeeper::daemon::doctor
