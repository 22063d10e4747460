// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/command/command_line.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>
#include <system_error>

using namespace chainkeeper::daemon;

namespace {

// Nothing where standard output took no more of the answer, which fmt throws.
std::optional<int> run(const Invocation& invocation)
{
    try {
        return invocation.run();
    } catch (const std::system_error&) {
        if (std::ferror(stdout) == 0)
            throw;
        return std::nullopt;
    }
}

}  // namespace

int main(int argc, char** argv)
{
    fill_standard_streams();
    Invocation invocation;
    CLI::App app;
    add_command_line(app, invocation);
    auto exit_code = parse_options(app, argc, argv);
    if (!exit_code)
        exit_code = run(invocation);
    if (exit_code && std::fflush(stdout) == 0 && std::ferror(stdout) == 0)
        return *exit_code;
    return give_up({}, "its answer could not be written to standard output");
}
