// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/baseline/baseline_file.hpp"
#include "daemon/baseline/comparison_text.hpp"
#include "daemon/baseline/normal_ruleset.hpp"
#include "daemon/command/command.hpp"
#include "daemon/command/output_file.hpp"
#include "daemon/command/screen.hpp"
#include "policies/text_file.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace chainkeeper::daemon {

namespace {

constexpr std::string_view standard_stream = "-";

void tell_saved(const CommandOptions& options, const std::filesystem::path& file, std::uint64_t chains)
{
    if (options.json)
        print_json({{"file", file.string()}, {"chains", chains}});
    else
        fmt::print("{}: {}\n", file.string(), counted(chains, "chain"));
}

tl::expected<baseline::SavedBaseline, std::string> read_file(const std::filesystem::path& file)
{
    const auto text = file == standard_stream ? policies::read_standard_input() : policies::read_text_file(file);
    if (!text)
        return tl::unexpected(text.error());
    return baseline::from_text(*text).map_error(
        [&](const std::string& why) { return fmt::format("{}: {}", file.string(), why); });
}

}  // namespace

int run_baseline_save(const CommandOptions& options, const std::filesystem::path& file)
{
    auto read = baseline::read_baseline();
    if (!read)
        return give_up(options, read.error().what);
    const auto chains = read->size();
    if (chains == 0)
        return give_up(options, "there is no chain of kubelet, kube-proxy or a network plugin here to save");
    const auto text = to_text(baseline::saved_now(*std::move(read)));
    if (!text)
        return give_up(options, text.error());
    if (file == standard_stream) {
        fmt::print("{}", *text);
        return exit_healthy;
    }
    if (const auto written = write_output_file(file, *text); !written)
        return give_up(options, written.error().what);
    tell_saved(options, file, chains);
    return exit_healthy;
}

int run_baseline_compare(const CommandOptions& options, const std::filesystem::path& file)
{
    const auto saved = read_file(file);
    if (!saved)
        return give_up(options, saved.error());
    const auto now = baseline::read_baseline();
    if (!now)
        return give_up(options, now.error().what);
    const auto differences = baseline::compare(saved->baseline, *now);
    if (options.json)
        print_json(comparison_json(*saved, differences));
    else
        fmt::print("{}", comparison_text(*saved, differences, wants_colours(STDOUT_FILENO)));
    return baseline::any_matters(differences) ? exit_findings : exit_healthy;
}

}  // namespace chainkeeper::daemon
