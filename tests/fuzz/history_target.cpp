// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/command/incident_text.hpp"
#include "daemon/file_descriptor.hpp"
#include "daemon/history/incident.hpp"
#include "daemon/history/lines_from_end.hpp"
#include "tests/fuzz/property.hpp"

#include <nlohmann/json.hpp>
#include <sys/mman.h>
#include <unistd.h>

using namespace chainkeeper;
using tests::must_hold;

namespace {

constexpr std::size_t most_lines = 100;

std::vector<std::string> lines_of(std::string_view text)
{
    const daemon::FileDescriptor file{memfd_create("history", MFD_CLOEXEC)};
    must_hold(write(file.number(), text.data(), text.size()) == static_cast<ssize_t>(text.size()), "memory is there");
    const auto lines = daemon::lines_from_end(
        file.number(),
        {.most_lines = most_lines, .most_bytes = std::size_t{1} << 20U, .longest_line = daemon::longest_incident});
    must_hold(lines.has_value(), "a file that is there can be read");
    return *lines;
}

}  // namespace

// history.jsonl, and what people get to see of it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto text = tests::text_of(data, size);
    const auto lines = lines_of(text);
    must_hold(lines.size() <= most_lines, "no more lines than were asked for");
    for (const auto& line : lines) {
        must_hold(text.find(line + "\n") != std::string_view::npos, "a line is one of the file's");
        must_hold(line.size() <= daemon::longest_incident, "no line is longer than an incident");
        const auto incident = daemon::incident_from_line(line);
        if (!incident)
            continue;
        daemon::Screen screen{false, 2};
        daemon::show_incident(screen, *incident, true);
        tests::must_be_printable(screen.text());
    }
    return 0;
}
