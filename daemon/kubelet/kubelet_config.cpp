// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kubelet/kubelet_config.hpp"

#include "daemon/kubelet/kubelet_flags.hpp"
#include "daemon/kubelet/printable.hpp"
#include "policies/text_file.hpp"
#include "policies/words.hpp"

#include <algorithm>
#include <exception>
#include <fmt/format.h>
#include <optional>
#include <yaml-cpp/yaml.h>

namespace chainkeeper::daemon {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view key = "makeIPTablesUtilChains";

// Real ones have a few KiB, a handful of levels, and a handful of files beside them.
constexpr std::size_t largest_config = std::size_t{64} * 1024;
constexpr std::size_t deepest_flow = 64;
constexpr std::size_t widest_indent = 256;
constexpr std::size_t most_entries = 256;
constexpr std::size_t longest_reason = 512;

// yaml-cpp reads a level by calling itself. Counts the brackets, quoted ones too, and what may begin a level in the
// front of each line ("- - - x"): more than there really are, never less.
bool is_too_deep(std::string_view text)
{
    std::size_t depth = 0;
    std::size_t indent = 0;
    bool in_front = true;
    for (const char character : text) {
        if (character == '[' || character == '{')
            ++depth;
        else if ((character == ']' || character == '}') && depth > 0)
            --depth;
        in_front = character == '\n' || character == '\r' ||
                   (in_front && std::string_view{" \t-?:"}.find(character) != std::string_view::npos);
        indent = in_front && character != '\n' && character != '\r' ? indent + 1 : 0;
        if (depth > deepest_flow || indent > widest_indent)
            return true;
    }
    return false;
}

tl::expected<ChainsKey, std::string> word_of(const YAML::Node& value)
{
    if (value.IsNull())
        return ChainsKey::null;
    bool makes_chains = false;
    if (!value.IsScalar() || !YAML::convert<bool>::decode(value, makes_chains))
        return tl::unexpected(fmt::format("{} is neither true nor false", key));
    return makes_chains ? ChainsKey::on : ChainsKey::off;
}

// The last of several equal keys counts, as it does for kubelet.
tl::expected<ChainsKey, std::string> key_in(const YAML::Node& document)
{
    if (document.IsNull())
        return ChainsKey::absent;
    if (!document.IsMap())
        return tl::unexpected(std::string{"it is no mapping"});
    tl::expected<ChainsKey, std::string> found = ChainsKey::absent;
    for (const auto& entry : document) {
        const auto& name = entry.first.IsScalar() ? entry.first.Scalar() : std::string{};
        if (name == "<<")
            return tl::unexpected(std::string{"it has a merge key (<<)"});
        if (name == key)
            found = word_of(entry.second);
    }
    return found;
}

KubeletOptOut unknown(std::string why)
{
    return {.answer = OptOut::unknown, .why = std::move(why)};
}

KubeletOptOut opt_out_by_flag(const std::string& word)
{
    const auto makes_chains = go_bool(word);
    const auto flag = fmt::format("--make-iptables-util-chains={}", word);
    if (!makes_chains)
        return unknown(fmt::format("{} on kubelet's command line is neither true nor false", policies::quote(flag)));
    return {.answer = *makes_chains ? OptOut::no : OptOut::yes,
            .why = fmt::format("{} on kubelet's command line", flag)};
}

tl::expected<ChainsKey, std::string> chains_key_of_file(const fs::path& file)
{
    const auto text = policies::read_text_file(file);
    if (!text)
        return tl::unexpected(text.error());
    return chains_key_in(*text).map_error(
        [&](const std::string& what) { return fmt::format("{}: {}", file.string(), what); });
}

KubeletOptOut opt_out_by_files(const std::vector<fs::path>& files)
{
    const KubeletOptOut nothing{.answer = OptOut::no, .why = fmt::format("{} is set nowhere", key)};
    auto opt_out = nothing;
    for (const auto& file : files) {
        const auto found = chains_key_of_file(file);
        if (!found)
            return unknown(found.error());
        if (*found == ChainsKey::null)
            opt_out = nothing;
        else if (*found == ChainsKey::on)
            opt_out = {.answer = OptOut::no, .why = fmt::format("{}: true in {}", key, file.string())};
        else if (*found == ChainsKey::off)
            opt_out = {.answer = OptOut::yes, .why = fmt::format("{}: false in {}", key, file.string())};
    }
    return opt_out;
}

tl::unexpected<std::string> unreadable(const fs::path& path, const std::error_code& error)
{
    return tl::unexpected(fmt::format("{}: cannot be read: {}", path.string(), error.message()));
}

// As Go's WalkDir finds them: by name, a directory's files in the place of the directory. Comparing paths name by name
// gives that order.
tl::expected<std::vector<fs::path>, std::string> drop_ins(const fs::path& directory)
{
    std::error_code error;
    std::vector<fs::path> files;
    std::size_t entries = 0;
    for (fs::recursive_directory_iterator entry{directory, error}; !error && entry != fs::end(entry);
         entry.increment(error)) {
        if (++entries > most_entries)
            return tl::unexpected(
                fmt::format("{}: there are more than {} entries in it", directory.string(), most_entries));
        if (entry->path().extension() == ".conf" && !fs::is_directory(entry->symlink_status(error)))
            files.push_back(entry->path());
    }
    if (error)
        return unreadable(directory, error);
    std::ranges::sort(files);
    return files;
}

// "" stays so.
fs::path from_directory_of(const fs::path& process, const std::string& path)
{
    return path.empty() ? fs::path{} : process / "cwd" / path;
}

KubeletOptOut opt_out_of(const fs::path& process)
{
    const auto cmdline = policies::read_text_file(process / "cmdline");
    if (!cmdline)
        return unknown(cmdline.error());
    const auto arguments = arguments_of(*cmdline);
    if (arguments.empty())
        return unknown(fmt::format("process {} has no command line", process.filename().string()));
    const auto flags = kubelet_flags(arguments);
    if (flags.hidden)
        return unknown(
            fmt::format("kubelet's flags are not on the command line of {}", policies::quote(arguments.front())));
    if (!flags.make_chains.empty())
        return opt_out_by_flag(flags.make_chains);
    const auto files =
        config_files(from_directory_of(process, flags.config), from_directory_of(process, flags.config_dir));
    return files ? opt_out_by_files(*files) : unknown(files.error());
}

}  // namespace

std::string_view to_string(OptOut opt_out)
{
    switch (opt_out) {
    case OptOut::no: return "no";
    case OptOut::yes: return "yes";
    case OptOut::unknown: break;
    }
    return "unknown";
}

tl::expected<ChainsKey, std::string> chains_key_in(const std::string& text)
{
    if (text.size() > largest_config)
        return tl::unexpected(fmt::format("it is larger than {} KiB", largest_config / 1024));
    if (is_too_deep(text))
        return tl::unexpected(std::string{"it is nested too deep"});
    try {
        return key_in(YAML::Load(text));
    } catch (const std::exception& exception) {
        return tl::unexpected(fmt::format("it is no YAML: {}", exception.what()));
    }
}

tl::expected<std::vector<fs::path>, std::string> config_files(const fs::path& config, const fs::path& config_directory)
{
    std::vector<fs::path> files;
    if (!config.empty())
        files.push_back(config);
    if (config_directory.empty())
        return files;
    const auto more = drop_ins(config_directory);
    if (!more)
        return tl::unexpected(more.error());
    files.insert(files.end(), more->begin(), more->end());
    return files;
}

KubeletOptOut read_opt_out(const fs::path& proc, pid_t kubelet)
{
    auto opt_out = opt_out_of(proc / fmt::to_string(kubelet));
    opt_out.why = printable(std::move(opt_out.why), longest_reason);
    return opt_out;
}

}  // namespace chainkeeper::daemon
