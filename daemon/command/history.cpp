// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/client.hpp"
#include "daemon/command/command.hpp"
#include "daemon/command/incident_text.hpp"
#include "daemon/command/screen.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace chainkeeper::daemon {

namespace {

using nlohmann::json;

// From the daemon where there is one, else from its file.
Answer<std::vector<std::string>> read_history(unsigned most)
{
    const auto daemon = DaemonClient::find();
    if (daemon)
        return daemon->history(most);
    return recorded_history().newest(most).map_error([](const repair::Error& error) { return error.what; });
}

std::vector<json> incidents_of(const std::vector<std::string>& lines)
{
    std::vector<json> incidents;
    incidents.reserve(lines.size());
    for (std::size_t number = 0; number < lines.size(); ++number) {
        if (auto incident = incident_from_line(lines[number]))
            incidents.push_back(*std::move(incident));
        else
            fmt::print(stderr, "chainkeeper: entry {} of {} was torn, and is left out\n", number + 1, lines.size());
    }
    return incidents;
}

std::string text_of(const std::vector<json>& incidents, bool with_timeline)
{
    constexpr std::size_t margin = 2;
    Screen screen{wants_colours(STDOUT_FILENO), margin};
    for (const auto& incident : incidents)
        show_incident(screen, incident, with_timeline);
    return screen.text();
}

}  // namespace

int run_history(const CommandOptions& options, const HistoryOptions& history)
{
    const auto lines = read_history(history.last);
    if (!lines)
        return give_up(options, lines.error());
    const auto incidents = incidents_of(*lines);
    if (options.json)
        print_json(json{{"entries", incidents}});
    else if (incidents.empty())
        fmt::print("nothing is on record\n");
    else
        fmt::print("{}", text_of(incidents, history.with_timeline));
    return exit_healthy;
}

}  // namespace chainkeeper::daemon
